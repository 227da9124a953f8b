internal import FrameAllocator
internal import Synchronization

/// Packet memory that the engines of several threads share, one engine a thread.
///
/// A frame that one engine received another may send or release: hand the token over. Each engine's
/// share grows and shrinks on demand; whole pages that one has no use for serve the others. The
/// queues of an interface may be bound by several of them, each queue by one, which alone touches
/// its rings. Rules, groups of ports and the heartbeat are the same for all; whoever changes them
/// changes them for all. A group is with one other process at a time, whichever engine gave it. An
/// interface is let go of when the last engine with a port there goes. Any thread may make an
/// engine; the memory lives for as long as any of them.
public final class SharedMemory: Sendable {
  let configuration: Engine.Configuration
  let pool: FramePool
  let umem: UMEM?
  let workers: Int
  let links: FragmentTable
  let steering = SharedSteering()
  let arenas = ArenaBook()
  private let made = Mutex<Int>(0)

  /// Memory for the engines of `workers` threads, populated here; no interface is touched.
  ///
  /// Throws if the configuration is impossible or there is not enough memory.
  public init(_ configuration: Engine.Configuration, workers: Int) throws(XDPError) {
    try configuration.validated()
    try configuration.validate(workers: workers)
    let region = try MemoryRegion(configuration.parts, pages: configuration.pages)
    let umem = try UMEM(region: region, configuration: configuration.chunks)
    // Other engines may have frames when one binds a port to zero copy: they keep to it in advance.
    let boundary = configuration.boundary(
      isUnaligned: configuration.chunks.isUnaligned, isZeroCopy: true, pages: umem.pages)
    pool = try configuration.makePool(
      isUnaligned: configuration.chunks.isUnaligned, boundary: boundary, workers: workers)
    links = configuration.makeLinks()
    self.configuration = configuration
    self.workers = workers
    self.umem = umem
  }

  /// The same over memory that no kernel knows, for tests; engines are made with views of it.
  public init(inMemory configuration: Engine.Configuration, workers: Int) throws(XDPError) {
    try configuration.validated()
    try configuration.validate(workers: workers)
    let isUnaligned = configuration.isUnaligned ?? false
    let boundary = configuration.boundary(
      isUnaligned: isUnaligned, isZeroCopy: false, pages: nil)
    pool = try configuration.makePool(
      isUnaligned: isUnaligned, boundary: boundary, workers: workers)
    links = configuration.makeLinks()
    self.configuration = configuration
    self.workers = workers
    umem = nil
  }

  /// The next engine's control, which knows its number; one that cannot be made uses none up.
  func makeControl() throws(XDPError) -> EngineControl {
    try made.withLock { made throws(XDPError) in
      guard made < workers else {
        throw XDPError(
          .configuration, operation: "make an engine",
          reason: "the memory was made for \(workers) engines, and that many there are",
          remedy: "make the memory for more")
      }
      let control = try EngineControl(
        umem: umem, configuration: configuration, steering: steering, worker: made)
      made += 1
      return control
    }
  }

  /// Ports that each engine may have.
  var portLimit: Int { Engine.portLimit / workers }
}

extension Engine {
  /// An engine without ports over memory that it shares with the engines of other threads.
  ///
  /// Throws if there are as many as the memory was made for.
  public init(sharing shared: SharedMemory) throws(XDPError) {
    guard let umem = shared.umem else {
      throw XDPError(
        .configuration, operation: "make an engine",
        reason: "the shared memory is not known to the kernel",
        remedy: "make the engine with a view of that memory")
    }
    let control = try shared.makeControl()
    let worker = control.steering.worker
    self.init(
      shared.configuration, memory: umem.memory(), control: control,
      allocator: shared.pool.makeAllocator(worker: worker), shared: shared, worker: worker)
  }

  /// The same for tests: `memory` is a view of what all engines of `shared` see.
  public init(
    sharing shared: SharedMemory, memory: consuming PacketMemory
  ) throws(XDPError) {
    let control = try shared.makeControl()
    let worker = control.steering.worker
    self.init(
      shared.configuration, memory: memory, control: control,
      allocator: shared.pool.makeAllocator(worker: worker), shared: shared, worker: worker)
  }
}

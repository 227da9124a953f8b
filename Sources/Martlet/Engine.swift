import Synchronization

/// Binds queues of interfaces over one UMEM and moves frames between them: one engine, one thread.
///
/// Every frame is in one place: free, with the kernel to be filled, received, held by the
/// application, or with the kernel to be sent. `ledger()` says how much is where; what the
/// allocator's table says and what the rings' positions say must agree (`FrameLedger.isConserved`),
/// and debug builds check it.
///
/// When rings are touched:
/// - `receive` walks a burst of at most `burst` packets and returns nil at its end. At that point,
///   once per burst, it gives the receive ring's entries back, publishes the fill ring and flushes.
/// - A flush publishes what was sent on every port, kicks the kernel where it asks for it and
///   drains the completions. It runs at the end of a burst, in `wait`, and in `flush()`.
/// - `wait` drains every port and gives taken receive entries back; it tops fill rings up where a
///   burst is open, and all of them if no packet is there.
/// - Completions are also drained at the start of a burst, and those of every port when the burst's
///   port has no frame to receive into, and in `allocate` when nothing is free. Completed frames
///   go straight to the port's own fill ring while that has less than its depth.
public struct Engine: ~Copyable {
  // First, so that it goes first: programs are detached before the sockets they steer to are
  // closed.
  var control: EngineControl
  @usableFromInline var ports: PortTable<PortState>
  /// By port: what loops walk.
  @usableFromInline let lanes = LaneTable()
  @usableFromInline var allocator: FrameAllocator
  @usableFromInline let memory: PacketMemory
  /// The ports with something to submit or kick.
  @usableFromInline var dirty = PortSet()
  /// The ports that were left without a frame so that nothing comes before their flows, and get
  /// some now.
  var unstocked = PortSet()
  /// How the fragments of jumbo packets hang together; empty without multi-buffer.
  let links: FragmentTable
  /// The frame that `receiveUnusual` found last.
  @usableFromInline var unusual = Frame.Remains(
    address: 0, extent: 0, layout: .packed, origin: 0)
  /// What was found in front of the packet that is received next.
  @usableFromInline var lifted = PacketFacts.absent
  /// The seal of what was found there; 0 if nothing was.
  @usableFromInline var packetSeal: UInt64 = 0
  @usableFromInline let readsFacts: Bool
  /// What the steering program writes with facts.
  var factsSeal = UInt64.random(in: 1...UInt64.max)
  /// How many packets the last burst had that had any.
  var latestBurst: UInt32 = 0
  /// Whether `wait` lets packets gather.
  var gathering: Gathering
  /// Whether a port has no frame to receive into, and none is free; of those that `wait` looked at
  /// last.
  var isStarved = false
  /// Whether `allocate` gives packed frames rather than slots.
  @usableFromInline var packsFrames: Bool
  /// Frames that the application and fill rings got from the allocator, less those given back.
  ///
  /// With the rings' positions it says how many frames the application has. Modulo 2^32.
  @usableFromInline var balance: UInt32 = 0
  /// What settling and compacting have copied.
  var copiedPackets: UInt64 = 0
  var copiedBytes: UInt64 = 0
  /// Frames each port's fill ring is kept stocked with.
  var fillDepth: UInt32
  /// Ports that this engine may have.
  let portLimit: Int
  /// What it shares with other engines; nil if its memory is its own.
  let shared: SharedMemory?
  /// What other processes were given of the memory.
  var exports: ExportControl
  let isSpinning: Bool
  let isBusyPolling: Bool
  /// Packets that `settle(_:in:)` dropped, and that no port of this engine can be asked for: those
  /// that were settled before, the application's own, and what another engine received.
  public internal(set) var portlessDrops: UInt64 = 0
  /// Keeps the engine where it is.
  ///
  /// A type with an atomic in it is passed by its address always. Without, a method that borrows
  /// the engine would be handed a copy of its kilobyte, made for each call.
  let anchor = Atomic(false)

  /// Most ports that the engines of one memory can have, together.
  public static let portLimit = Custody.holderLimit

  /// An engine without ports: its packet memory is reserved, no interface is touched.
  ///
  /// Throws if the configuration is impossible or there is not enough memory. Costs about a
  /// millisecond per MiB of memory, which is populated here.
  public init(_ configuration: Configuration = Configuration()) throws(XDPError) {
    try configuration.validated()
    let region = try MemoryRegion(configuration.parts, pages: configuration.pages)
    let umem = try UMEM(region: region, configuration: configuration.chunks)
    let control = try EngineControl(umem: umem, configuration: configuration)
    try self.init(
      configuration, memory: umem.memory(), control: control,
      isUnaligned: configuration.chunks.isUnaligned)
  }

  /// An engine over memory that no kernel knows: for tests with both ends of the rings in user
  /// space.
  ///
  /// Needs no root. `bind(inMemory:)` gives it ports.
  public init(_ configuration: Configuration, memory: consuming PacketMemory) throws(XDPError) {
    try configuration.validated()
    guard memory.byteCount >= configuration.byteCount else {
      throw XDPError(
        .configuration, operation: "make an engine",
        reason: "the memory has \(memory.byteCount) bytes, not \(configuration.byteCount)",
        remedy: "make it larger or the configuration smaller")
    }
    let control = try EngineControl(umem: nil, configuration: configuration)
    try self.init(
      configuration, memory: memory, control: control,
      isUnaligned: configuration.isUnaligned ?? false)
  }

  private init(
    _ configuration: Configuration, memory: consuming PacketMemory,
    control: consuming EngineControl, isUnaligned: Bool
  ) throws(XDPError) {
    // Which mode it will be the first port decides, see `keepFramesInPages`.
    let boundary = configuration.boundary(
      isUnaligned: isUnaligned, isZeroCopy: false, pages: control.umem?.pages)
    let pool = try configuration.makePool(
      isUnaligned: isUnaligned, boundary: boundary, workers: 1)
    self.init(
      configuration, memory: memory, control: control, allocator: pool.makeAllocator(worker: 0))
  }

  init(
    _ configuration: Configuration, memory: consuming PacketMemory,
    control: consuming EngineControl, allocator: consuming FrameAllocator,
    shared: SharedMemory? = nil, worker: Int = 0
  ) {
    let portLimit = shared?.portLimit ?? Self.portLimit
    var control = control
    links = shared?.links ?? configuration.makeLinks()
    packsFrames = configuration.packsFrames ?? allocator.slots.takesOffsets
    self.allocator = allocator
    self.memory = memory
    ports = PortTable(first: worker * portLimit, capacity: portLimit)
    control.bindings = PortTable(first: ports.first, capacity: portLimit)
    self.control = control
    self.portLimit = portLimit
    self.shared = shared
    exports = ExportControl(shared?.arenas ?? ArenaBook())
    readsFacts = configuration.readsFacts
    fillDepth = UInt32(configuration.effectiveFillDepth)
    isSpinning = configuration.isSpinning || configuration.isBusyPolling
    isBusyPolling = configuration.isBusyPolling
    gathering = Gathering(isWanted: configuration.gathers)
  }

  /// Bytes of the longest frame that `allocate` can give.
  public var maximumFrame: Int { allocator.chunkSize }

  /// Whether slots to receive into may begin anywhere in a page; otherwise they are aligned chunks.
  ///
  /// What the driver takes is known when the first port is bound.
  public var isUnaligned: Bool { allocator.slots.takesOffsets }

  /// Why slots are aligned although unaligned ones would have been taken; nil if they are not.
  public var alignmentFallback: String? { control.alignmentFallback }

  /// The pages that packet memory lies in; nil for memory that no kernel knows.
  public var pages: PageKind? { control.umem?.pages }

  /// Why packet memory lies in other pages than were asked for; nil if it does not.
  public var pageFallback: String? { control.umem?.fallback }

  /// The ports, in the order of binding.
  public var allPorts: [Port] { ports.indices.map { Port(index: $0) } }
}

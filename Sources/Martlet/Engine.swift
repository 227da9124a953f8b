public import BasicContainers

/// Binds queues of interfaces over one UMEM and moves frames between them: one engine, one thread.
///
/// Every frame is in one place: free, with the kernel to be filled, received, held by the application,
/// or with the kernel to be sent. `ledger()` says how much is where; what the allocator's table says and
/// what the rings' positions say must agree (`LedgerReport.isConserved`).
///
/// When rings are touched:
/// - `receive` walks a burst of at most `burst` packets and returns nil at its end. At that point, once
///   per burst, it gives the receive ring's entries back, publishes the fill ring and flushes.
/// - A flush publishes what was sent on every port, kicks the kernel where it asks for it and drains the
///   completions. It runs at the end of a burst, in `wait`, and in `flush()`.
/// - Completions are also drained at the start of a burst, and in `allocate` when nothing is free.
///   Completed frames go straight to the port's own fill ring while that has less than its depth.
public struct Engine: ~Copyable {
  @usableFromInline var ports: RigidArray<PortState>
  @usableFromInline var allocator: FrameAllocator
  @usableFromInline let memory: PacketMemory
  /// Numbers of the ports with something to submit or kick.
  @usableFromInline var dirty: RigidArray<Int>
  /// Fragments of jumbo packets after the first, by chunk of the fragment before; empty without them.
  @usableFromInline var links: FragmentTable
  @usableFromInline let burst: UInt32
  /// Frame tokens the application has.
  @usableFromInline var tokens = 0

  /// An engine over memory of its own that no kernel knows: for tests with both ends of the rings in
  /// user space. Needs no root. `bind(inMemory:)` gives it ports.
  public init(_ configuration: Configuration, memory: consuming PacketMemory) throws(XDPError) {
    try configuration.validated()
    guard memory.byteCount >= configuration.memory else {
      throw XDPError(
        .configuration, operation: "make an engine",
        reason: "the memory has \(memory.byteCount) bytes, not \(configuration.memory)",
        remedy: "make it larger or the configuration smaller")
    }
    allocator = try configuration.makeAllocator()
    self.memory = memory
    links = FragmentTable(chunkCount: 0, chunkSize: configuration.chunkSize)
    ports = RigidArray(capacity: 64)
    dirty = RigidArray(capacity: 64)
    burst = UInt32(configuration.burst)
    fillDepth = UInt32(configuration.effectiveFillDepth)
  }
  let fillDepth: UInt32

  /// Adds a port whose rings lie in memory, with the other ends in a test's hands.
  public mutating func bind(inMemory rings: consuming QueueRings) -> Port {
    let index = ports.count
    ports.append(PortState(socket: Socket(inMemory: rings), fillDepth: fillDepth))
    topUp(index)
    return Port(index: index)
  }
}

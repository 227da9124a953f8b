internal import Synchronization

/// The memory that the allocators of several threads share: its nodes, and who may have how many.
///
/// Nodes change hands here, under a lock, each a hundred frames and more at a time. Frames are
/// given and taken by the allocators, one per thread, which own the nodes they have alone.
///
/// Vocabulary. *Arena*: a stretch of nodes that other processes map as one. A group has it for good
/// (*home*), or takes it whole from what all share (`arenaSize`). Where no group does the latter,
/// what all share is divided into stretches of the same kind all the same, for workers to begin in.
/// *Open*: no exportable group's. *Owed*: nodes that groups are guaranteed and have not taken yet.
///
/// Invariants, checked by `audit()`:
/// - every node is in its arena's list of free nodes or belongs to a heap of a worker;
/// - a group has no more nodes than its quota;
/// - `open free nodes >= owed + reserve`, but for nodes that `.critical` allocations took.
public final class FramePool: Sendable {
  let configuration: FrameAllocator.Configuration
  let map: PageMap
  /// Per page: worker and heap of its node, see `owner(worker:heap:)`.
  let owners: SharedTable
  let slots: SlotMap
  let mailboxes: [Mailbox]
  let memory: TableMemory
  let state: Mutex<State>
  /// Counts the requests that failed for want of nodes, so that other workers let go of spare ones.
  let pressure = Atomic<UInt32>(0)

  /// The word of a node that nobody owns.
  static let noOwner: UInt16 = 0xFFFF

  /// Fails if the reserve and the guarantees cannot be kept.
  ///
  /// Allocates its tables here and nothing later, about 1 % of the memory.
  public init(_ configuration: FrameAllocator.Configuration) throws(FrameAllocatorError) {
    try configuration.validate()
    self.configuration = configuration
    let memory = TableMemory()
    let nodeCount = configuration.byteCount / configuration.nodeSize
    let map = PageMap(
      order: configuration.nodeOrder, nodeCount: nodeCount, span: configuration.span,
      memory: memory)
    let pageCount = map.pageCount
    let owners = memory.sharedTable(count: pageCount)
    for page in 0..<pageCount { owners[page] = Self.noOwner }
    let windows = pageCount * 4096 / configuration.chunkSize
    slots = SlotMap(
      entries: SlotTable(memory.table(of: SlotTable.Entry.self, count: windows)),
      chunkSize: configuration.chunkSize, isUnaligned: configuration.isUnaligned)
    var mailboxes: [Mailbox] = []
    if configuration.workers > 1 {
      for _ in 0..<configuration.workers * configuration.workers {
        mailboxes.append(Mailbox(memory: memory))
      }
    }
    self.mailboxes = mailboxes
    self.map = map
    self.owners = owners
    self.memory = memory
    state = Mutex(State(configuration, map: map))
  }

  /// The word of a node that one heap of a worker owns.
  static func owner(worker: Int, heap: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: worker << 11 | heap)
  }

  /// The mailbox in which one worker puts frames for another.
  func mailbox(from sender: Int, to receiver: Int) -> Mailbox {
    mailboxes[sender * configuration.workers + receiver]
  }

  /// Makes the allocator of one worker, numbered from 0; each can be made once.
  ///
  /// Traps if there is no such worker or it has its allocator. An allocator belongs to one thread
  /// at a time.
  public func makeAllocator(worker: Int) -> FrameAllocator {
    FrameAllocator(pool: self, worker: worker)
  }

  /// Notes that a worker's allocator is made.
  func claim(_ worker: Int) {
    let isNew = state.withLock { state in
      guard state.workersMade.indices.contains(worker), !state.workersMade[worker] else {
        return false
      }
      state.workersMade[worker] = true
      return true
    }
    precondition(isNew, "the pool has no worker \(worker), or its allocator was made before")
  }

  /// Bytes of all tables that the allocators of this pool share.
  public var metadataByteCount: Int { memory.byteCount }

  /// Nodes that nobody has; the reserve counts.
  public var freeNodeCount: Int {
    state.withLock { state in state.arenas.reduce(0) { $0 + $1.freeCount } }
  }
}

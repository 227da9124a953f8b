/// Hands out the frames of one thread's share of a UMEM and knows, for every byte of it, who has
/// it.
///
/// It speaks addresses (offsets into the UMEM), never pointers: it needs no root, no kernel and no
/// packet memory. It stands on an idea of 2006, the network tree allocator: frames of any length,
/// rounded to a granule and packed per page, neighbours combined when released, one owner per page.
///
/// Vocabulary. *Granule*: 64 bytes, the unit of everything here. *Page*: 4 KiB. *Node*: 2^order
/// pages, the unit that changes hands. *Frame*: a run of granules inside a node. *Packed frame*: a
/// frame of any length. *Slot*: a frame as long as a chunk, inside one page, for the kernel to
/// receive into. *Worker*: the thread that owns nodes; one allocator each. *Heap*: a worker's nodes
/// of one flow group, normal or reserve. *Magazine*: frames of one length that are ready to be
/// given again. *Foreign*: of a node that another worker owns. *Custody*: who has a frame.
///
/// Invariants, checked by `audit()`:
/// - a granule is free, inside of a frame or a frame's first, and only one of these; a used run
///   begins with a frame's first granule (see `Page`);
/// - no two free runs are adjacent: they are one; a node is listed under its longest one;
/// - no frame lies across a boundary that the configuration names, and free runs count up to it;
/// - a node belongs to one heap of one worker, or to the pool; so a page has frames of one group;
/// - reserve nodes serve `.critical` allocations only, and every node that comes back refills the
///   reserve first;
/// - every slot stands in the slot map, inside one page, in one custody; every packed frame that is
///   neither held nor cached is in flight;
/// - cached frames are of their magazine's length and group, and nobody has them;
/// - frames of a page with a long free run do not wait in magazines when they are released here.
@frozen public struct FrameAllocator: ~Copyable {
  let pool: FramePool
  let memory: TableMemory
  @usableFromInline let map: PageMap
  @usableFromInline let owners: SharedTable
  /// Where the slots are and who has each: what a loop asks and tells about every packet.
  public let slots: SlotMap
  /// What `owners` says of this worker's nodes, without the heap's number.
  @usableFromInline let identity: UInt32
  let worker: Int
  let lists: NodeLists
  /// By group: 1 if its frames have pages of their own.
  let isolation: Table<UInt8>
  /// By group: trimmed slots that no slot with a page of its own was made for yet, up to 255.
  let trims: Table<UInt8>
  /// By group: slots in this worker's nodes, whoever has them.
  let slotCounts: Table<UInt32>
  @usableFromInline var magazines: Magazines
  @usableFromInline var flights: Flights
  /// By worker, if there is more than one; those of this worker itself are not used.
  let outboxes: Table<Outbox>
  let inboxes: Table<Mailbox.Receiver>
  /// Workers of the pool.
  let workerCount: Int
  /// `FramePool.pressure` when it was last looked at.
  var pressureSeen: UInt32 = 0
  /// Reserve nodes that this worker has.
  @usableFromInline var reserveNodeCount = 0
  /// Whether all frames belong to one worker and one group.
  public let isAlone: Bool
  /// Bytes of the longest frame that `allocate` can give.
  public let maximumFrame: Int
  /// Releases that were refused, because the caller did not have that frame.
  public internal(set) var refusalCount = 0

  /// Bytes of a granule, the unit of the ledger.
  @inlinable public static var granule: Int { 64 }

  /// An allocator for one thread over the memory that `configuration` describes, all of it free.
  ///
  /// Fails if the reserve and the guarantees cannot be kept. For several threads make a
  /// `FramePool`.
  public init(_ configuration: Configuration) throws(FrameAllocatorError) {
    let pool = try FramePool(configuration)
    self.init(pool: pool, worker: 0)
  }

  init(pool: FramePool, worker: Int) {
    pool.claim(worker)
    let configuration = pool.configuration
    self.pool = pool
    self.worker = worker
    let memory = TableMemory()
    map = pool.map
    owners = pool.owners
    slots = pool.slots
    identity = UInt32(FramePool.owner(worker: worker, heap: 0))
    maximumFrame = (map.span == 0 ? map.nodeGranules : map.span) * Self.granule
    isAlone = configuration.workers == 1 && configuration.groups.count == 1
    lists = NodeLists(
      pages: pool.map, heapCount: configuration.groups.count * 2, memory: memory)
    // Aligned slots are all alike. Unaligned ones are cut where they fit best, which a deep cache
    // would prevent.
    magazines = Magazines(
      groupCount: configuration.groups.count, depth: configuration.magazineDepth,
      slotFactor: configuration.isUnaligned ? 1 : Magazines.slotFactor, memory: memory)
    flights = Flights(capacity: 0, memory: memory)
    workerCount = configuration.workers
    outboxes = memory.table(of: Outbox.self, count: workerCount)
    inboxes = memory.table(of: Mailbox.Receiver.self, count: workerCount)
    for other in 0..<workerCount where other != worker {
      outboxes[other] = Outbox(
        pool.mailbox(from: worker, to: other), pageCount: pool.map.pageCount, memory: memory)
      inboxes[other] = Mailbox.Receiver(pool.mailbox(from: other, to: worker))
    }
    trims = memory.table(of: UInt8.self, count: configuration.groups.count)
    slotCounts = memory.table(of: UInt32.self, count: configuration.groups.count)
    isolation = memory.table(of: UInt8.self, count: configuration.groups.count)
    for (index, group) in configuration.groups.enumerated() where group.isIsolated {
      isolation[index] = 1
    }
    self.memory = memory
  }
}

extension FrameAllocator {
  /// Bytes of a slot.
  @inlinable public var chunkSize: Int {
    @inline(__always) get { slots.chunkSize }
  }

  /// How many slots the whole memory would make.
  public var chunkCount: Int { slots.entries.count }

  /// Whether frames may lie across a multiple of `boundary` bytes: 2,048 or 4,096.
  public func mayCross(_ boundary: Int) -> Bool { maximumFrame > boundary }

  /// Bytes of this allocator's tables, and of those it shares with the pool's other allocators.
  public var metadataByteCount: (own: Int, shared: Int) {
    (memory.byteCount, pool.metadataByteCount)
  }

  /// Number of flow groups.
  @inlinable var groupCount: Int {
    @inline(__always) get { magazines.groupCount }
  }

  /// The granule at `address`, or nil outside the memory.
  @inlinable @inline(__always)
  func granule(at address: UInt64) -> Int? {
    let granule = Int(truncatingIfNeeded: address &>> 6)
    return UInt(bitPattern: granule &>> 6) < UInt(bitPattern: map.pageCount) ? granule : nil
  }

  /// The heap of this worker that a granule's node belongs to; nil if it is another's.
  @inlinable @inline(__always)
  func ownHeap(of granule: Int) -> Int? {
    let heap = UInt32(owners[granule &>> 6]) ^ identity
    return heap < 1 &<< 11 ? Int(truncatingIfNeeded: heap) : nil
  }

  /// Whether a group's frames have pages of their own.
  func isIsolated(_ group: Int) -> Bool { isolation[group] != 0 }

  /// The number of the heap of a group's normal or reserve nodes.
  static func heap(of group: Int, _ permission: Permission) -> Int {
    group << 1 | (permission == .critical ? 1 : 0)
  }
}

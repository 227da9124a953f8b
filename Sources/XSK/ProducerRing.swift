public import Synchronization

/// The producing end of a single-producer, single-consumer ring: the application's end of the fill
/// and transmit rings (and, in tests, the simulated kernel's end of the receive and completion
/// rings).
///
/// `reserve` says how many entries have room, `put` writes one, `submit` shows what was put to the
/// consumer. An entry put but not submitted is invisible to the other end.
///
/// Vocabulary: `head` is where the next entry goes, `limit` the end of the known room; both count
/// up and wrap at 2^32. Invariant: `producer word <= head <= limit <= consumer word + size`, modulo
/// 2^32.
@frozen @safe public struct ProducerRing<Entry: BitwiseCopyable>: ~Copyable {
  @usableFromInline let entries: UnsafeMutablePointer<Entry>
  @usableFromInline let mask: UInt32
  /// How far ahead of the consumer the producer may be: the ring's size, or 0 once it is closed.
  @usableFromInline var capacity: UInt32
  @usableFromInline var head: UInt32
  @usableFromInline var limit: UInt32
  @usableFromInline let producer: UnsafeMutablePointer<Atomic<UInt32>>
  @usableFromInline let consumer: UnsafeMutablePointer<Atomic<UInt32>>
  @usableFromInline let flags: UnsafeMutablePointer<Atomic<UInt32>>

  /// The producing end of the ring at `memory`, starting where its producer word stands.
  @unsafe public init(_ memory: RingMemory<Entry>) {
    unsafe entries = memory.entries
    mask = unsafe memory.size &- 1
    capacity = unsafe memory.size
    unsafe producer = memory.producer
    unsafe consumer = memory.consumer
    unsafe flags = memory.flags
    head = unsafe memory.producer.pointee.load(ordering: .relaxed)
    limit = unsafe memory.consumer.pointee.load(ordering: .relaxed) &+ memory.size
  }

  /// Number of entries the ring holds.
  @inlinable public var size: UInt32 {
    @inline(__always) get { mask &+ 1 }
  }

  /// How many entries can be put, at most `wanted`.
  ///
  /// Looks at the consumer's cursor only when the room
  /// already known does not suffice.
  @inlinable @inline(__always)
  public mutating func reserve(_ wanted: UInt32) -> UInt32 {
    if limit &- head < wanted {
      limit = unsafe consumer.pointee.load(ordering: .acquiring) &+ capacity
    }
    let room = limit &- head
    return room < wanted ? room : wanted
  }

  /// Writes the next entry.
  ///
  /// The caller knows that there is room: `reserve` said so.
  @inlinable @inline(__always)
  public mutating func put(_ entry: Entry) {
    assert(head != limit, "put() without room: ask reserve() first")
    // In bounds: the mask keeps the index below `size`.
    unsafe entries[Int(truncatingIfNeeded: head & mask)] = entry
    head &+= 1
  }

  /// Room for at most `wanted` entries, up to the end of the ring's memory: `close` it before
  /// anything else is done with the ring.
  @inlinable @inline(__always)
  package mutating func openRun(_ wanted: UInt32) -> RingRun<Entry> {
    let room = reserve(wanted)
    let place = head & mask
    let toEnd = size &- place
    // In bounds: the run ends where the memory does, if the room does not before.
    return unsafe RingRun(
      from: entries + Int(truncatingIfNeeded: place), count: room < toEnd ? room : toEnd)
  }

  /// Counts what `run`, opened where the ring stands, has put, and closes it.
  @inlinable @inline(__always)
  package mutating func close(_ run: inout RingRun<Entry>) {
    guard !run.isClosed else { return }
    head = position(of: run)
    run = .closed
  }

  /// Counts `count` entries, which a run that is not to be closed has put.
  @inlinable @inline(__always)
  package mutating func skip(_ count: UInt32) {
    assert(count <= limit &- head, "beyond the room")
    head &+= count
  }

  /// Where the ring will stand when `run` is closed.
  @inlinable @inline(__always)
  package func position(of run: RingRun<Entry>) -> UInt32 {
    guard !run.isClosed else { return head }
    return head &+ (unsafe run.distance(from: entries + Int(truncatingIfNeeded: head & mask)))
  }

  /// Shows every entry put so far to the consumer.
  ///
  /// One releasing store, and none if there is nothing new: it would take the cache line away from
  /// the kernel's processor, which looks at it while the ring is empty.
  @inlinable @inline(__always)
  public mutating func submit() {
    guard unsafe producer.pointee.load(ordering: .relaxed) != head else { return }
    unsafe producer.pointee.store(head, ordering: .releasing)
  }

  /// Takes back what the consumer has not taken and leaves no room for more, for good.
  ///
  /// For a ring whose consumer is gone.
  public mutating func close() {
    head = unsafe consumer.pointee.load(ordering: .acquiring)
    limit = head
    capacity = 0
    submit()
  }

  /// Whether the kernel sleeps on this ring and wants a system call (`XDP_RING_NEED_WAKEUP`).
  @inlinable public var needsWakeup: Bool {
    @inline(__always) get { unsafe flags.pointee.load(ordering: .relaxed) & 1 != 0 }
  }

  /// Entries the consumer has not taken, submitted or not.
  ///
  /// One acquiring load.
  @inlinable public var pending: UInt32 {
    @inline(__always) get { head &- (unsafe consumer.pointee.load(ordering: .acquiring)) }
  }

  /// Entry `offset` of the `pending` ones, oldest first.
  ///
  /// For ledgers, not for hot loops; a consumer at
  /// work makes the answer old at once.
  public func pendingEntry(_ offset: UInt32) -> Entry {
    let oldest = unsafe consumer.pointee.load(ordering: .acquiring)
    return unsafe entries[Int(truncatingIfNeeded: (oldest &+ offset) & mask)]
  }

  /// Where the next entry goes: how often something was put since the ring began, modulo 2^32.
  @inlinable public var position: UInt32 {
    @inline(__always) get { head }
  }
}

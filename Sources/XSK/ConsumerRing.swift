public import Synchronization

/// The consuming end of a single-producer, single-consumer ring: the application's end of the
/// receive and completion rings (and, in tests, the simulated kernel's end of the fill and transmit
/// rings).
///
/// `peek` opens a window of entries that are ready, `take` walks it, `release` gives what was taken
/// back to the producer. Nothing is shared with the other end between `peek` and `release`.
///
/// Vocabulary: `head` is the next entry to take, `limit` the end of the window; both count up and
/// wrap at 2^32. Invariant: `consumer word <= head <= limit <= producer word`, modulo 2^32.
@frozen @safe public struct ConsumerRing<Entry: BitwiseCopyable>: ~Copyable {
  @usableFromInline let entries: UnsafeMutablePointer<Entry>
  @usableFromInline let mask: UInt32
  @usableFromInline var head: UInt32
  @usableFromInline var limit: UInt32
  @usableFromInline let producer: UnsafeMutablePointer<Atomic<UInt32>>
  @usableFromInline let consumer: UnsafeMutablePointer<Atomic<UInt32>>

  /// The consuming end of the ring at `memory`, starting where its consumer word stands.
  @unsafe public init(_ memory: RingMemory<Entry>) {
    unsafe entries = memory.entries
    mask = unsafe memory.size &- 1
    unsafe producer = memory.producer
    unsafe consumer = memory.consumer
    head = unsafe memory.consumer.pointee.load(ordering: .relaxed)
    limit = head
  }

  /// Number of entries the ring holds.
  @inlinable public var size: UInt32 {
    @inline(__always) get { mask &+ 1 }
  }

  /// Entries in the window that have not been taken.
  @inlinable public var remaining: UInt32 {
    @inline(__always) get { limit &- head }
  }

  /// Opens a window of at most `maximum` entries and returns how many there are.
  ///
  /// One acquiring load.
  @inlinable @inline(__always)
  public mutating func peek(_ maximum: UInt32) -> UInt32 {
    let ready = unsafe producer.pointee.load(ordering: .acquiring) &- head
    let count = ready < maximum ? ready : maximum
    limit = head &+ count
    return count
  }

  /// The next entry of the window.
  ///
  /// The caller knows that there is one: `remaining` is not 0.
  @inlinable @inline(__always)
  public mutating func take() -> Entry {
    assert(head != limit, "take() without an entry: look at `remaining` first")
    // In bounds: the mask keeps the index below `size`.
    let entry = unsafe entries[Int(truncatingIfNeeded: head & mask)]
    head &+= 1
    return entry
  }

  /// What is left of the window, up to the end of the ring's memory: `close` it before anything
  /// else is done with the ring.
  @inlinable @inline(__always)
  package func openRun() -> RingRun<Entry> {
    let place = head & mask
    let toEnd = mask &- place &+ 1
    // In bounds: the run ends where the memory does, if the window does not before.
    return unsafe RingRun(
      from: entries + Int(truncatingIfNeeded: place), count: remaining < toEnd ? remaining : toEnd)
  }

  /// Takes what `run`, opened where the ring stands, has taken, and closes it.
  @inlinable @inline(__always)
  package mutating func close(_ run: inout RingRun<Entry>) {
    guard !run.isClosed else { return }
    head = position(of: run)
    run = .closed
  }

  /// Takes `count` entries, which a run that is not to be closed has walked.
  @inlinable @inline(__always)
  package mutating func skip(_ count: UInt32) {
    assert(count <= remaining, "beyond the window")
    head &+= count
  }

  /// Where the ring will stand when `run` is closed.
  @inlinable @inline(__always)
  package func position(of run: RingRun<Entry>) -> UInt32 {
    guard !run.isClosed else { return head }
    return head &+ (unsafe run.distance(from: entries + Int(truncatingIfNeeded: head & mask)))
  }

  /// Leaves the window's entries as if they had been taken.
  package mutating func skipWindow() { head = limit }

  /// Where the window ends: all before it were taken, or will be.
  @inlinable package var windowEnd: UInt32 {
    @inline(__always) get { limit }
  }

  /// Gives every entry taken so far back to the producer.
  ///
  /// One releasing store, and none if nothing was taken, as `ProducerRing.submit`.
  @inlinable @inline(__always)
  public mutating func release() {
    guard unsafe consumer.pointee.load(ordering: .relaxed) != head else { return }
    unsafe consumer.pointee.store(head, ordering: .releasing)
  }

  /// Which entry is taken next: how often something was taken since the ring began, modulo 2^32.
  @inlinable public var position: UInt32 {
    @inline(__always) get { head }
  }

  /// Whether the producer has published something that nobody has taken.
  @inlinable package var hasPending: Bool {
    @inline(__always) get { unsafe producer.pointee.load(ordering: .relaxed) != head }
  }

  /// How many entries the producer has published and nobody has taken.
  ///
  /// For ledgers, not for hot loops.
  public var pending: UInt32 {
    unsafe producer.pointee.load(ordering: .acquiring) &- head
  }

  /// The entry `offset` places after the next one to take, for ledgers; `offset` is below
  /// `pending`.
  public func pendingEntry(_ offset: UInt32) -> Entry {
    precondition(offset < pending, "entry \(offset) of \(pending) pending ones")
    return unsafe entries[Int(truncatingIfNeeded: (head &+ offset) & mask)]
  }
}

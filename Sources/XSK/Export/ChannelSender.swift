public import Synchronization

/// The producing end of a ring that another process consumes, which nothing is believed of.
///
/// That process may write anything anywhere in the ring at any time. So where the next entry goes
/// stands in this value and nowhere else; the peer's cursor is a number that is either within the
/// ring's size of it or proves the peer broken; entries are written and never read.
@frozen @safe public struct ChannelSender: ~Copyable {
  @usableFromInline let entries: UnsafeMutablePointer<Atomic<UInt64>>
  @usableFromInline let mask: UInt32
  @usableFromInline var head: UInt32 = 0
  @usableFromInline var limit: UInt32
  @usableFromInline let producer: UnsafeMutablePointer<Atomic<UInt32>>
  @usableFromInline let consumer: UnsafeMutablePointer<Atomic<UInt32>>
  /// Whether the peer's cursor was ever where it cannot be.
  public private(set) var isBroken = false

  /// The end of a fresh ring of `size` entries, four words each.
  @unsafe init(
    entries: UnsafeMutablePointer<Atomic<UInt64>>, size: UInt32,
    producer: UnsafeMutablePointer<Atomic<UInt32>>, consumer: UnsafeMutablePointer<Atomic<UInt32>>
  ) {
    precondition(size.nonzeroBitCount == 1, "a ring has a power of two of entries, not \(size)")
    unsafe self.entries = entries
    mask = size &- 1
    limit = size
    unsafe self.producer = producer
    unsafe self.consumer = consumer
  }

  /// Whether there is room for one entry.
  ///
  /// Looks at the peer's cursor only if the room already known is used up.
  @inlinable public var hasRoom: Bool {
    @inline(__always) mutating get { limit != head || look() }
  }

  @usableFromInline @inline(never)
  mutating func look() -> Bool {
    let taken = unsafe consumer.pointee.load(ordering: .acquiring)
    // Entries that the peer has not taken: 0 to the ring's size, or it writes nonsense.
    guard head &- taken <= mask &+ 1 else {
      isBroken = true
      return false
    }
    limit = taken &+ mask &+ 1
    return limit != head
  }

  /// Writes the next entry, both halves of it; the caller knows that there is room.
  @inlinable @inline(__always)
  public mutating func put(_ entry: ChannelEntry, _ rest: ChannelEntry) {
    let place = 4 &* Int(truncatingIfNeeded: head & mask)
    // In bounds: the mask keeps the index below the size.
    unsafe entries[place &+ 2].store(rest.first, ordering: .relaxed)
    unsafe entries[place &+ 3].store(rest.second, ordering: .relaxed)
    put(entry)
  }

  /// Writes the first half of the next entry; the caller knows that there is room.
  @inlinable @inline(__always)
  public mutating func put(_ entry: ChannelEntry) {
    assert(limit != head, "put() without room: ask hasRoom first")
    let place = 4 &* Int(truncatingIfNeeded: head & mask)
    // In bounds: the mask keeps the index below the size.
    unsafe entries[place].store(entry.first, ordering: .relaxed)
    unsafe entries[place &+ 1].store(entry.second, ordering: .relaxed)
    head &+= 1
  }

  /// Shows every entry put so far to the peer.
  @inlinable @inline(__always)
  public mutating func submit() {
    unsafe producer.pointee.store(head, ordering: .releasing)
  }

  /// How often something was put since the ring began, modulo 2^32.
  @inlinable public var position: UInt32 {
    @inline(__always) get { head }
  }
}

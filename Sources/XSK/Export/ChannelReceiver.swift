public import Synchronization

/// The consuming end of a ring that another process produces into, which nothing is believed of.
///
/// As in `ChannelSender` the end's own position stands here alone. An entry is copied once, word by
/// word, and what is checked is the copy: the peer may change it in the ring at the same moment.
@frozen @safe public struct ChannelReceiver: ~Copyable {
  @usableFromInline let entries: UnsafeMutablePointer<Atomic<UInt64>>
  @usableFromInline let mask: UInt32
  @usableFromInline var head: UInt32 = 0
  @usableFromInline var limit: UInt32 = 0
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
    unsafe self.producer = producer
    unsafe self.consumer = consumer
  }

  /// Opens a window of what the peer has published and says how many entries it has: 0 if there are
  /// none or the peer's cursor is out of range.
  public mutating func peek() -> UInt32 {
    let put = unsafe producer.pointee.load(ordering: .acquiring)
    guard put &- head <= mask &+ 1 else {
      isBroken = true
      limit = head
      return 0
    }
    limit = put
    return put &- head
  }

  /// Entries in the window that were not taken.
  @inlinable public var remaining: UInt32 {
    @inline(__always) get { limit &- head }
  }

  /// A copy of the second half of the window's next entry, which is not taken; the caller knows
  /// that there is one.
  @inlinable @inline(__always)
  public func rest() -> ChannelEntry {
    let place = 4 &* Int(truncatingIfNeeded: head & mask)
    // In bounds by the mask. Atomic loads, so that the compiler reads each word once.
    return unsafe ChannelEntry(
      entries[place &+ 2].load(ordering: .relaxed), entries[place &+ 3].load(ordering: .relaxed))
  }

  /// A copy of the first half of the window's next entry; the caller knows that there is one.
  @inlinable @inline(__always)
  public mutating func take() -> ChannelEntry {
    assert(head != limit, "take() without an entry: look at `remaining` first")
    let place = 4 &* Int(truncatingIfNeeded: head & mask)
    // In bounds by the mask. Atomic loads, so that the compiler reads each word once.
    let first = unsafe entries[place].load(ordering: .relaxed)
    let second = unsafe entries[place &+ 1].load(ordering: .relaxed)
    head &+= 1
    return ChannelEntry(first, second)
  }

  /// Gives every entry taken so far back to the peer.
  @inlinable @inline(__always)
  public mutating func release() {
    unsafe consumer.pointee.store(head, ordering: .releasing)
  }

  /// Whether the peer has published something that was not taken, or nonsense.
  public var hasPending: Bool { pendingCount != 0 }

  /// How many entries the peer has published that were not taken, in the window or not; if it wrote
  /// nonsense, any number.
  public var pendingCount: UInt32 {
    unsafe producer.pointee.load(ordering: .acquiring) &- head
  }

  /// How often something was taken since the ring began, modulo 2^32.
  public var position: UInt32 { head }
}

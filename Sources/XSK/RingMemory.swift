public import Synchronization

/// Where one ring lies in memory: its two cursors, its flag word and its entries.
///
/// For a socket the
/// kernel's mapping (`XDP_MMAP_OFFSETS`); for a test plain memory, with both ends in user space.
/// The words must outlive every ring made from them; whoever makes a `RingMemory` vouches for that.
@frozen @unsafe public struct RingMemory<Entry: BitwiseCopyable> {
  /// Written by the producing end, read by the consuming one.
  ///
  /// Counts up and wraps at 2^32.
  public let producer: UnsafeMutablePointer<Atomic<UInt32>>
  /// Written by the consuming end, read by the producing one.
  ///
  /// Counts up and wraps at 2^32.
  public let consumer: UnsafeMutablePointer<Atomic<UInt32>>
  /// Written by the kernel: bit 0 is `XDP_RING_NEED_WAKEUP`.
  public let flags: UnsafeMutablePointer<Atomic<UInt32>>
  /// `size` entries.
  public let entries: UnsafeMutablePointer<Entry>
  /// Number of entries, a power of two.
  public let size: UInt32

  /// Describes a ring of `size` entries, a power of two.
  public init(
    producer: UnsafeMutablePointer<Atomic<UInt32>>, consumer: UnsafeMutablePointer<Atomic<UInt32>>,
    flags: UnsafeMutablePointer<Atomic<UInt32>>, entries: UnsafeMutablePointer<Entry>, size: UInt32
  ) {
    precondition(size.nonzeroBitCount == 1, "a ring has a power of two of entries, not \(size)")
    unsafe self.producer = producer
    unsafe self.consumer = consumer
    unsafe self.flags = flags
    unsafe self.entries = entries
    unsafe self.size = size
  }
}

internal import Synchronization
public import XSK

/// The words of one ring in plain memory: owns them, and makes either end.
///
/// They lie as the kernel lays them out: producer, consumer and flag words on cache lines of their
/// own, then the entries. Whoever makes an end keeps this object for as long as the end is used.
@safe public final class RingWords<Entry: BitwiseCopyable> {
  /// Where the ring lies.
  @unsafe public let memory: RingMemory<Entry>
  private let start: UnsafeMutableRawPointer

  /// An empty ring of `size` entries, a power of two, whose cursors both stand at `position`.
  public init(size: UInt32, position: UInt32 = 0) {
    let line = 64
    let byteCount = 3 * line + Int(size) * MemoryLayout<Entry>.stride
    let base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: line)
    // Fresh memory of that size; each word gets its own aligned place and a first value.
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    unsafe start = base
    let words = unsafe [0, 1, 2].map { index in
      unsafe (base + index * line).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    }
    unsafe words[0].initialize(to: Atomic(position))
    unsafe words[1].initialize(to: Atomic(position))
    unsafe words[2].initialize(to: Atomic(0))
    unsafe memory = RingMemory(
      producer: words[0], consumer: words[1], flags: words[2],
      entries: (base + 3 * line).bindMemory(to: Entry.self, capacity: Int(size)), size: size)
  }

  // Trivial contents: nothing to deinitialize.
  deinit { unsafe start.deallocate() }

  /// The producing end.
  ///
  /// A ring has one.
  public func makeProducer() -> ProducerRing<Entry> {
    // The words are initialized, and the caller keeps this object.
    unsafe ProducerRing(memory)
  }

  /// The consuming end.
  ///
  /// A ring has one.
  public func makeConsumer() -> ConsumerRing<Entry> {
    // The words are initialized, and the caller keeps this object.
    unsafe ConsumerRing(memory)
  }

  /// The flag with which the kernel asks for a system call (`XDP_RING_NEED_WAKEUP`).
  public var needsWakeup: Bool {
    // The word lives as long as this object.
    get { unsafe memory.flags.pointee.load(ordering: .relaxed) & 1 != 0 }
    set { unsafe memory.flags.pointee.store(newValue ? 1 : 0, ordering: .relaxed) }
  }
}

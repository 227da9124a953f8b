import CXDP
import Synchronization

extension Registration {
  /// Where libxdp mapped a ring that the application produces into.
  @unsafe static func memory<Entry>(_ ring: xsk_ring_prod) -> RingMemory<Entry> {
    unsafe RingMemory(
      producer: cursor(ring.producer), consumer: cursor(ring.consumer), flags: cursor(ring.flags),
      entries: ring.ring.assumingMemoryBound(to: Entry.self), size: ring.size)
  }

  /// Where libxdp mapped a ring that the application consumes from.
  @unsafe static func memory<Entry>(_ ring: xsk_ring_cons) -> RingMemory<Entry> {
    unsafe RingMemory(
      producer: cursor(ring.producer), consumer: cursor(ring.consumer), flags: cursor(ring.flags),
      entries: ring.ring.assumingMemoryBound(to: Entry.self), size: ring.size)
  }

  /// A mapped word as an atomic one: the same four bytes.
  @unsafe private static func cursor(
    _ word: UnsafeMutablePointer<UInt32>
  ) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe UnsafeMutableRawPointer(word).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
}

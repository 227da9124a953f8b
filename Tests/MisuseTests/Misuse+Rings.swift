extension Misuse {
  /// Mistakes with the rings and the packet memory of one socket.
  static let rings = [
    Misuse(
      "copy a ring", expected: "'ring' is borrowed and cannot be consumed",
      """
      import XSK
      func f(_ ring: borrowing ConsumerRing<UInt64>) -> UInt32 {
        let copy = ring  // misuse
        return ring.remaining
      }
      """),
    Misuse(
      "give a ring away twice", expected: "'ring' consumed more than once",
      """
      import XSK
      func own(_ ring: consuming ProducerRing<UInt64>) {}
      func f(_ ring: consuming ProducerRing<UInt64>) {
        own(ring)
        own(ring)  // misuse
      }
      """),
    Misuse(
      "keep rings in an array", expected: "conform to 'Copyable'",
      """
      import XSK
      func f(_ rings: consuming QueueRings) {
        let all = [rings]  // misuse
      }
      """),
    Misuse(
      "keep the bytes of memory that is given away", expected: "overlapping accesses to 'memory'",
      """
      import XSK
      func own(_ memory: consuming PacketMemory) {}
      func f(_ memory: consuming PacketMemory) {
        let bytes = memory.span(at: 0, count: 14)
        own(memory)  // misuse
        _ = bytes.byteCount
      }
      """),
    Misuse(
      "use a view after its memory ended", expected: "'kept' escapes its scope",
      """
      import XSK
      func f(_ memory: consuming PacketMemory) {
        var kept = RawSpan()
        do {
          let inner = memory
          kept = inner.span(at: 0, count: 14)
        }
        _ = kept.byteCount  // misuse
      }
      """),
  ]
}

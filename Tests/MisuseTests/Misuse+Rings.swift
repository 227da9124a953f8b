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
      "exchange the rings of two sockets", expected: "'rings' is inaccessible",
      """
      import XSK
      func f(_ a: inout Socket, _ b: inout Socket) {
        swap(&a.rings, &b.rings)  // misuse
      }
      """),
    Misuse(
      "look at packet memory without a frame", expected: "'span' is inaccessible",
      """
      import XSK
      func f(_ memory: borrowing PacketMemory) {
        _ = memory.byteCount
        _ = memory.span(at: 0, count: 14).byteCount  // misuse
      }
      """),
  ]
}

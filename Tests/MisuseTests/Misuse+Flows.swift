extension Misuse {
  /// Mistakes with packets that another process's engine lent, and with a tenant's slots.
  static let flows = [
    Misuse(
      "spend a packet twice", expected: "'packet' consumed more than once",
      """
      import Martlet
      func f(_ reader: inout FlowReader) {
        while let packet = reader.next() {
          reader.spend(packet, .forward)
          reader.spend(packet, .drop)  // misuse
        }
      }
      """),
    Misuse(
      "read a packet after it was spent", expected: "'packet' used after consume",
      """
      import Martlet
      func f(_ reader: inout FlowReader, _ packet: consuming FlowPacket) {
        reader.spend(packet, .drop)
        _ = reader.bytes(of: packet).byteCount  // misuse
      }
      """),
    Misuse(
      "keep packets in an array", expected: "conform to 'Copyable'",
      """
      import Martlet
      func f(_ packet: consuming FlowPacket) {
        let all = [packet]  // misuse
      }
      """),
    Misuse(
      "use a view of a packet that was spent", expected: "overlapping accesses",
      """
      import Martlet
      func f(_ reader: inout FlowReader, _ packet: consuming FlowPacket) {
        let bytes = reader.bytes(of: packet)
        reader.spend(packet, .drop)  // misuse
        _ = bytes.byteCount
      }
      """),
    Misuse(
      "make a packet up", expected: "initializer is inaccessible",
      """
      import Martlet
      func f(_ reader: inout FlowReader) {
        reader.spend(FlowPacket(offset: 0, byteCount: 60), .forward)  // misuse
      }
      """),
    Misuse(
      "submit a slot twice", expected: "'slot' consumed more than once",
      """
      import Martlet
      func f(_ writer: inout FlowWriter) {
        while let slot = writer.allocate() {
          writer.submit(slot, byteCount: 60)
          writer.submit(slot, byteCount: 60)  // misuse
        }
      }
      """),
    Misuse(
      "write to a slot that was submitted", expected: "overlapping accesses",
      """
      import Martlet
      func f(_ writer: inout FlowWriter, _ slot: consuming FlowSlot) {
        var bytes = writer.mutableBytes(of: &slot)
        writer.submit(slot, byteCount: 60)  // misuse
        bytes.storeBytes(of: 1, as: UInt8.self)
      }
      """),
  ]
}

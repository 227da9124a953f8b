import Martlet

/// Sends numbered frames from a tenant's arena, as fast as slots come back.
func send(_ path: String, _ count: Int) throws(XDPError) {
  var writer = try FlowWriter(connectedTo: path)
  say("ready")
  var sent = 0
  while writer.wait(), sent < count {
    while sent < count, var slot = writer.allocate() {
      var bytes = writer.mutableBytes(of: &slot)
      let length = 60 + sent % 1000
      fill(&bytes, number: sent, length: length)
      writer.submit(slot, byteCount: length)
      sent += 1
    }
  }
  // What comes back is taken, so that nothing is left to wait for but the end.
  while writer.wait(timeout: .milliseconds(10)) {
    for _ in 0..<writer.slotCount {
      if let slot = writer.allocate() { writer.release(slot) }
    }
  }
  say("sent=\(sent)")
}

/// A frame of the EtherType for experiments that carries its number.
private func fill(_ bytes: inout MutableRawSpan, number: Int, length: Int) {
  let head: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5]
  for (place, byte) in head.enumerated() {
    bytes.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
  }
  for place in 0..<4 {
    let digit = UInt8(truncatingIfNeeded: number >> (8 * place))
    bytes.storeBytes(of: digit, toByteOffset: 14 + place, as: UInt8.self)
  }
  for place in 18..<length {
    let byte = UInt8(truncatingIfNeeded: (place - 18) &* 7 &+ number)
    bytes.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
  }
}

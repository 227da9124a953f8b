import Glibc
import Martlet

/// Checks the content of every packet where it lies.
func verify(_ path: String, _ verdict: FlowVerdict) throws(XDPError) {
  var reader = try FlowReader(connectedTo: path)
  say("ready")
  var good = 0
  var bad = 0
  var bursts = 0
  while reader.wait() {
    bursts += 1
    reader.forEach { bytes in
      if isWhole(bytes) { good += 1 } else { bad += 1 }
      return verdict
    }
  }
  say("good=\(good) bad=\(bad) bursts=\(bursts)")
}

/// Says the same of every packet, by tokens.
func spend(_ path: String, _ verdict: FlowVerdict) throws(XDPError) {
  var reader = try FlowReader(connectedTo: path)
  say("ready")
  var count = 0
  while reader.wait() {
    while let packet = reader.next() {
      reader.spend(packet, verdict)
      count += 1
    }
  }
  say("count=\(count)")
}

/// Does nothing with what it is given.
func hang(_ path: String) throws(XDPError) {
  let reader = try FlowReader(connectedTo: path)
  say("ready")
  // It lives as long as somebody asks.
  while reader.packetLimit > 0 { pause() }
}

/// Whether a packet is as the tests make them: a number of four bytes, and bytes that follow from
/// number and place, in a frame for experiments or a UDP datagram.
func isWhole(_ bytes: RawSpan) -> Bool {
  guard let start = payload(of: bytes), bytes.byteCount >= start + 4 else { return false }
  let number = (0..<4).reduce(0) { $0 | Int(byte(bytes, start + $1)) << (8 * $1) }
  for place in start + 4..<bytes.byteCount {
    let wanted = UInt8(truncatingIfNeeded: (place - start - 4) &* 7 &+ number)
    guard byte(bytes, place) == wanted else { return false }
  }
  return true
}

private func payload(of bytes: RawSpan) -> Int? {
  guard bytes.byteCount >= 18 else { return nil }
  switch Int(byte(bytes, 12)) << 8 | Int(byte(bytes, 13)) {
  case 0x88B5: return 14
  case 0x0800: return 14 + 20 + 8
  case 0x86DD: return 14 + 40 + 8
  default: return nil
  }
}

private func byte(_ bytes: RawSpan, _ place: Int) -> UInt8 {
  // The span checks the place.
  unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self)
}

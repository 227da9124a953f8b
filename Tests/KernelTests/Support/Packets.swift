import MartletTestKit

/// The EtherType for experiments, which no protocol of the kernel answers.
let experimental: UInt16 = 0x88B5

/// Frames of the EtherType for experiments: each carries its number, and bytes that follow from
/// number and place, so that a packet that is cut, mixed up or shifted shows.
func numbered(_ count: Int, length: Int = 60, first: Int = 0) -> [[UInt8]] {
  (first..<first + count).map { frame(number: $0, length: length) }
}

/// One such frame, of at least the 14 bytes of its header.
func frame(number: Int, length: Int) -> [UInt8] {
  let head =
    PacketBuilder.Endpoint(host: 2).mac + PacketBuilder.Endpoint(host: 1).mac
    + [UInt8(experimental >> 8), UInt8(experimental & 0xFF)]
  let digits = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  let rest = (0..<max(0, length - 18)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
  return Array((head + digits + rest).prefix(length))
}

/// A UDP datagram that carries its number, from one flow of many.
func datagram(
  number: Int, flow: Int = 0, port: UInt16 = 4789, byteCount: Int = 18
) -> [UInt8] {
  var builder = PacketBuilder()
  builder.source.port = UInt16(20000 + flow)
  builder.destination.port = port
  return builder.udp(
    payload: (0..<byteCount).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) })
}

/// The number that a datagram of `datagram(number:flow:)` carries.
func number(of datagram: [UInt8]) -> Int {
  (0..<4).reduce(0) { $0 | Int(datagram[42 + $1]) << (8 * $1) }
}

/// The flow that it belongs to.
func flow(of datagram: [UInt8]) -> Int { Int(datagram[34]) << 8 + Int(datagram[35]) - 20000 }

extension PacketTap {
  /// The next `count` frames of the EtherType for experiments, or those that came in time.
  func collect(_ count: Int, within limit: Duration = patience) throws -> [[UInt8]] {
    try receive(count, timeout: limit) { frame in
      frame.count >= 14 && frame[12] == experimental >> 8 && frame[13] == experimental & 0xFF
    }
  }
}

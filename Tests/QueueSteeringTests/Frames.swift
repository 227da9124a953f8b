import MartletTestKit

/// Frames with whatever the director must read as `FlowKey` does, and broken ones.
enum Frames {
  static let all = plain + chains + tagged + fragments

  private static var plain: [[UInt8]] {
    let four = PacketBuilder()
    return [
      four.udp(payload: [1]), four.tcp(), four.icmpEcho(), four.arpRequest(),
      four.ip(protocolNumber: 47, payload: [0, 0, 8, 0]),
      four.ip(protocolNumber: 132, payload: [1, 2, 3, 4]),
      four.ip(protocolNumber: 17, payload: [1, 2, 3]), six.udp(), six.tcp(payload: [9]),
      six.icmpEcho(), six.ip(protocolNumber: 50, payload: [1, 2, 3, 4]),
      // With options.
      replaced(four.udp(), at: 14, by: [0x46, 0, 0, 32]) + [1, 1, 1, 0],
    ]
  }

  private static var six: PacketBuilder {
    var builder = PacketBuilder()
    builder.version = .v6
    return builder
  }

  private static var tagged: [[UInt8]] {
    var frames: [[UInt8]] = []
    for count in 1...5 {
      var four = PacketBuilder()
      four.vlanTags = (0..<count).map { UInt16(0x2005 + $0) }
      var six = six
      six.vlanTags = four.vlanTags
      frames += [four.udp(), six.tcp(), four.arpRequest()]
    }
    for type: [UInt8] in [[0x88, 0xA8], [0x91, 0x00], [0x91, 0x01]] {
      var frame = PacketBuilder().udp()
      frame.insert(contentsOf: type + [0, 5], at: 12)
      frames.append(frame)
    }
    return frames
  }

  private static var fragments: [[UInt8]] {
    [[0x20, 0], [0, 9], [0x1F, 0xFF], [0x40, 0], [0x80, 0]].map {
      replaced(PacketBuilder().udp(payload: [UInt8](repeating: 7, count: 8)), at: 20, by: $0)
    }
  }

  /// Chains of extension headers: first, later and atomic fragments, many, one too many.
  private static var chains: [[UInt8]] {
    let option: [UInt8] = [0, 0, 1, 4, 0, 0, 0, 0]
    let long = [0, 1] + [UInt8](repeating: 0, count: 14)
    let authentication = [0, 1] + [UInt8](repeating: 0, count: 10)
    let fragment: (UInt8, UInt8) -> [UInt8] = { [0, 0, $0, $1, 0, 0, 0, 1] }
    return [
      chain([(0, option)]), chain([(43, long)]), chain([(51, authentication)]),
      chain([(0, option), (60, long), (43, option), (135, long), (139, option), (140, option)]),
      chain((0..<8).map { _ in (60, option) }), chain((0..<9).map { _ in (60, option) }),
      chain([(44, fragment(0, 1))]), chain([(44, fragment(0, 8))]), chain([(44, fragment(0, 6))]),
      chain([(44, fragment(0, 1)), (60, option)]), chain([(44, fragment(0, 8)), (60, option)]),
      chain([(60, option), (44, fragment(0, 0))]),
    ]
  }

  /// Headers that say less than they need, with enough bytes behind them.
  static var broken: [[UInt8]] {
    let udp = PacketBuilder().udp(payload: [UInt8](repeating: 7, count: 40))
    let options = replaced(udp, at: 14, by: [0x46])
    let option: [UInt8] = [0, 0, 1, 4, 0, 0, 0, 0]
    let long = [0, 1] + [UInt8](repeating: 0, count: 14)
    // An IPv4 packet shorter than its header.
    return [0, 19, 20, 23, 24, 27].map { replaced(udp, at: 16, by: [0, $0]) }
      + [0, 20, 23, 24, 27].map { replaced(options, at: 16, by: [0, $0]) }
      // An IPv6 packet shorter than its extension headers.
      + [0, 4, 7, 8, 11, 12].map { replaced(chain([(0, option)]), at: 18, by: [0, $0]) }
      + [8, 15, 16, 20].map { replaced(chain([(43, long)]), at: 18, by: [0, $0]) }
      + [8, 12, 16].map { replaced(chain([(0, option), (60, option)]), at: 18, by: [0, $0]) }
      // Longer than the frame.
      + [chain([(60, [0, 200] + option.dropFirst(2))])]
  }

  /// How much of a frame the kernel tries: no IP packet without a whole header.
  static func shortest(_ frame: [UInt8]) -> Int {
    switch Array(frame[12..<14]) {
    case [0x08, 0x00]: 34
    case [0x86, 0xDD]: 54
    default: 15
    }
  }

  private static func chain(_ headers: [(UInt8, [UInt8])]) -> [UInt8] {
    let udp = six.udp(payload: [1, 2, 3])
    var bytes: [UInt8] = []
    for (index, header) in headers.enumerated() {
      let next = index + 1 < headers.count ? headers[index + 1].0 : 17
      bytes += [next] + header.1.dropFirst()
    }
    let length = udp.count - 54 + bytes.count
    let start = replaced(
      [UInt8](udp[..<54]), at: 18, by: [UInt8(length >> 8), UInt8(length & 255), headers[0].0])
    return start + bytes + udp[54...]
  }

  private static func replaced(_ frame: [UInt8], at offset: Int, by bytes: [UInt8]) -> [UInt8] {
    var frame = frame
    frame.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    return frame
  }

  /// One of them with some bytes of its headers changed, or cut off.
  static func random(_ random: inout SeededGenerator) -> [UInt8] {
    var frame = all[Int.random(in: 0..<all.count, using: &random)]
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let index = Int.random(in: 12..<min(frame.count, 70), using: &random)
      frame[index] = [0, 1, 6, 17, 44, 60, 0xFF].randomElement(using: &random) ?? 0
    }
    if Int.random(in: 0..<4, using: &random) == 0 {
      // The kernel tries no IP packets without a whole header.
      frame.removeLast(Int.random(in: 0...max(0, frame.count - 54), using: &random))
    }
    return frame
  }
}

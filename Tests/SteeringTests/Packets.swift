import MartletTestKit

/// Packets of every kind that rules tell apart, by what they are.
enum Packets {
  static let v4 = PacketBuilder()
  static var v6: PacketBuilder {
    var builder = PacketBuilder()
    builder.version = .v6
    return builder
  }

  static let all = plain + tagged + fragments + extensions + broken

  static var plain: [(name: String, bytes: [UInt8])] {
    [
      ("arp", v4.arpRequest()), ("udp4", v4.udp(payload: [1, 2, 3])), ("udp6", v6.udp()),
      ("tcp4", v4.tcp()), ("tcp6", v6.tcp(payload: [9])), ("icmp4", v4.icmpEcho()),
      ("icmp6", v6.icmpEcho()), ("gre", v4.ip(protocolNumber: 47, payload: [0, 0, 8, 0])),
      ("lldp", v4.ethernet(type: 0x88CC, payload: [2, 7, 4, 0])),
      ("llc", v4.ethernet(type: 0x0026, payload: [0x42, 0x42, 3])), ("runt", [1, 2, 3]),
      ("empty", []), ("options", options),
    ]
  }

  static var tagged: [(name: String, bytes: [UInt8])] {
    (1...3).flatMap { count -> [(name: String, bytes: [UInt8])] in
      var four = v4
      four.vlanTags = (0..<count).map { UInt16($0 + 5) }
      var six = v6
      six.vlanTags = four.vlanTags
      return [
        ("udp4 in \(count) tags", four.udp()), ("tcp6 in \(count) tags", six.tcp()),
        ("arp in \(count) tags", four.arpRequest()),
      ]
    } + [("service tag", replaced(v4.udp(), at: 12, by: [0x88, 0xA8, 0, 5, 0x08, 0x00], over: 2))]
  }

  /// IPv4: more fragments follow, a later one, "don't fragment".
  ///
  /// IPv6: first, later, the only one.
  static var fragments: [(name: String, bytes: [UInt8])] {
    let udp = v4.udp(payload: [UInt8](repeating: 7, count: 8))
    return [
      ("first", replaced(udp, at: 20, by: [0x20, 0])),
      ("later", replaced(udp, at: 20, by: [0, 9])),
      ("far", replaced(udp, at: 20, by: [0x01, 0])),
      ("whole", replaced(udp, at: 20, by: [0x40, 0])),
      ("first6", v6Chain([(44, [17, 0, 0, 1, 0, 0, 0, 1])])),
      ("later6", v6Chain([(44, [17, 0, 0, 8, 0, 0, 0, 1])])),
      ("whole6", v6Chain([(44, [17, 0, 0, 6, 0, 0, 0, 1])])),
    ]
  }

  static var extensions: [(name: String, bytes: [UInt8])] {
    let option: [UInt8] = [0, 0, 1, 4, 0, 0, 0, 0]
    let long: [UInt8] = [0, 1] + [UInt8](repeating: 0, count: 14)
    return [
      ("hop by hop", v6Chain([(0, option)])), ("routing", v6Chain([(43, long)])),
      ("three", v6Chain([(0, option), (60, long), (43, option)])),
      ("eight", v6Chain([(UInt8, [UInt8])](repeating: (60, option), count: 8))),
      ("nine", v6Chain([(UInt8, [UInt8])](repeating: (60, option), count: 9))),
      ("mobility", v6Chain([(135, option)])), ("host identity", v6Chain([(139, long)])),
      ("shim6", v6Chain([(140, option)])),
      // Its length counts words of four bytes, two fewer than there are.
      ("authentication", v6Chain([(51, [0, 1] + [UInt8](repeating: 9, count: 10))])),
      ("both", v6Chain([(0, option), (51, [0, 4] + [UInt8](repeating: 9, count: 22))])),
      ("overlong", v6Chain([(60, [0, 200] + option.dropFirst(2))])),
    ]
  }

  /// Headers that contradict themselves or the packet.
  static var broken: [(name: String, bytes: [UInt8])] {
    let udp = v4.udp(payload: [1, 2, 3])
    return [
      ("version 5", replaced(udp, at: 14, by: [0x55])),
      ("short header", replaced(udp, at: 14, by: [0x44])),
      ("long header", replaced(udp, at: 14, by: [0x4F])),
      ("total below the header", replaced(udp, at: 16, by: [0, 19])),
      ("total without ports", replaced(udp, at: 16, by: [0, 27])),
      ("total beyond the packet", replaced(udp, at: 16, by: [0xFF, 0xFF])),
      ("6 in 4", replaced(udp, at: 12, by: [0x86, 0xDD])),
      ("4 in 6", replaced(v6.udp(), at: 12, by: [0x08, 0x00])),
      ("no payload 6", replaced(v6.udp(), at: 18, by: [0, 0])),
    ]
  }

  /// IPv4 with four bytes of options before the UDP header.
  private static var options: [UInt8] {
    replaced(replaced(v4.udp(), at: 14, by: [0x46, 0, 0, 32]), at: 34, by: [1, 1, 1, 0], over: 0)
  }

  /// UDP behind IPv6 extension headers, each with its number and bytes; the links are filled in.
  static func v6Chain(_ chain: [(UInt8, [UInt8])]) -> [UInt8] {
    let udp = v6.udp()
    var bytes: [UInt8] = []
    for (index, header) in chain.enumerated() {
      bytes += [index + 1 < chain.count ? chain[index + 1].0 : 17] + header.1.dropFirst()
    }
    let packet = replaced(udp, at: 54, by: bytes, over: 0)
    return replaced(packet, at: 18, by: [0, UInt8(bytes.count + 8), chain[0].0])
  }

  /// The packet with bytes put over others, or over fewer: then it grows.
  static func replaced(
    _ packet: [UInt8], at offset: Int, by bytes: [UInt8], over count: Int? = nil
  ) -> [UInt8] {
    var packet = packet
    packet.replaceSubrange(offset..<offset + (count ?? bytes.count), with: bytes)
    return packet
  }
}

import MartletTestKit
import Steering
import Wire

/// Random rules about a small world, so that packets meet them often, and packets of that world.
struct RandomRules {
  var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

  mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int.random(in: 0..<values.count, using: &random)]
  }

  mutating func rules(_ count: Int) -> [Rule] {
    (0..<count).map { _ in
      let actions: [Action] = [.drop, .kernel, .socket, .drop, .socket, .count]
      return Rule(match(), pick(actions), priority: Int.random(in: 0...3, using: &random))
    }
  }

  mutating func match() -> Match {
    var match = Match()
    for _ in 0..<Int.random(in: 1...3, using: &random) { refine(&match) }
    return match
  }

  private mutating func refine(_ match: inout Match) {
    switch Int.random(in: 0..<15, using: &random) {
    case 0: match.interface = condition(pick(["near", "far"]))
    case 1: match.queue = condition(pick([0, 1]))
    case 2: match.vlan = condition(tag())
    case 3: match.innerVLAN = condition(tag())
    case 4: match.sourceMAC = condition(mac())
    case 5: match.destinationMAC = condition(mac())
    case 6:
      match.type = condition(EtherType(rawValue: pick([0x0800, 0x86DD, 0x0806, 0x88CC, 0x8100])))
    case 7: match.version = condition(pick([4, 6]))
    case 8: match.source = condition(prefix())
    case 9: match.destination = condition(prefix())
    case 10:
      let numbers: [UInt8] = [1, 6, 17, 33, 51, 58, 132, 135, 136]
      match.upperProtocol = condition(IPProtocol(rawValue: pick(numbers)))
    case 11: match.sourcePorts = condition(ports())
    case 12: match.destinationPorts = condition(ports())
    case 13:
      let set = TCPFlags(rawValue: UInt8.random(in: 0...255, using: &random) & 0x13)
      let clear = TCPFlags(rawValue: UInt8.random(in: 0...255, using: &random) & 0x13)
      match.tcpFlags = condition(TCPFlagMatch(set: set, clear: clear.subtracting(set)))
    default: match.fragment = condition(.any)
    }
  }

  private mutating func condition<Value>(_ value: Value) -> Condition<Value> {
    Condition(value, isNegated: chance(4))
  }

  private mutating func tag() -> VLANTag { chance(3) ? .any : .identifier(pick([5, 6, 7])) }

  private mutating func mac() -> MACAddress {
    MACAddress(rawValue: 0x02_0000_0000_00 | UInt64.random(in: 1...3, using: &random))
  }

  private mutating func prefix() -> AddressPrefix {
    if chance(2) {
      let address = IPv4Address(192, 0, 2, UInt8.random(in: 0...7, using: &random))
      return AddressPrefix.v4(address, length: pick([0, 8, 24, 29, 30, 31, 32])).canonical
    }
    let low = UInt64.random(in: 0...7, using: &random)
    let address = IPv6Address(high: 0x2001_0DB8_0000_0000, low: low)
    return AddressPrefix.v6(address, length: pick([0, 32, 64, 125, 127, 128])).canonical
  }

  private mutating func ports() -> ClosedRange<UInt16> {
    let ends = (0..<2).map { _ in UInt16.random(in: 1000...1010, using: &random) }
    return chance(3) ? ends[0]...ends[0] : min(ends[0], ends[1])...max(ends[0], ends[1])
  }

  /// A packet of that world; one in eight is broken or cut, one in sixteen noise.
  mutating func packet() -> [UInt8] {
    if chance(16) {
      return (0..<Int.random(in: 14...90, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
    }
    var bytes = chance(6) ? pick(Packets.all.map(\.bytes).filter { $0.count >= 14 }) : built()
    if chance(8) {
      let at = Int.random(in: 12..<min(bytes.count, 64), using: &random)
      bytes[at] = UInt8.random(in: 0...255, using: &random)
    }
    if chance(16) { bytes = Array(bytes.prefix(Int.random(in: 14...bytes.count, using: &random))) }
    return bytes
  }

  private mutating func built() -> [UInt8] {
    var builder = PacketBuilder()
    builder.version = chance(2) ? .v4 : .v6
    builder.source.mac = [2, 0, 0, 0, 0, UInt8.random(in: 1...3, using: &random)]
    builder.destination.mac = [2, 0, 0, 0, 0, UInt8.random(in: 1...3, using: &random)]
    builder.source.ipv4[3] = UInt8.random(in: 0...7, using: &random)
    builder.destination.ipv4[3] = UInt8.random(in: 0...7, using: &random)
    builder.source.ipv6[15] = UInt8.random(in: 0...7, using: &random)
    builder.destination.ipv6[15] = UInt8.random(in: 0...7, using: &random)
    builder.source.port = UInt16.random(in: 999...1011, using: &random)
    builder.destination.port = UInt16.random(in: 999...1011, using: &random)
    builder.vlanTags = (0..<pick([0, 0, 0, 1, 1, 2])).map { _ in pick([5, 6, 7]) }
    let payload = [UInt8](repeating: 1, count: 4)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return builder.arpRequest()
    case 1: return builder.icmpEcho()
    case 2: return builder.ip(protocolNumber: pick([33, 51, 132, 136]), payload: ported(builder))
    case 3: return extended(builder.udp(payload: payload), builder)
    case 4: return fragmented(builder.udp(payload: payload), builder)
    case 5: return builder.udp(payload: payload)
    default:
      var bytes = builder.tcp(payload: payload)
      let flags = 14 + 4 * builder.vlanTags.count + (builder.version == .v4 ? 20 : 40) + 13
      bytes[flags] = UInt8.random(in: 0...255, using: &random)
      return bytes
    }
  }

  /// What begins with ports, as SCTP, DCCP and UDP-Lite do.
  private func ported(_ builder: PacketBuilder) -> [UInt8] {
    [builder.source.port, builder.destination.port].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
      + [UInt8](repeating: 0, count: 8)
  }

  /// An IPv6 packet gets up to nine extension headers, one of which may say that it is a fragment.
  private mutating func extended(_ bytes: [UInt8], _ builder: PacketBuilder) -> [UInt8] {
    guard builder.version == .v6 else { return bytes }
    let at = 14 + 4 * builder.vlanTags.count
    var chain: [UInt8] = []
    var next = bytes[at + 6]
    for _ in 0..<pick([1, 1, 2, 3, 8, 9]) {
      let kind: UInt8 = pick([0, 43, 44, 51, 60, 135, 139, 140])
      let units = Int.random(in: 0...2, using: &random)
      let length = kind == 44 ? 8 : kind == 51 ? 4 * (units + 2) : 8 * (units + 1)
      var header = [next, UInt8(units)] + [UInt8](repeating: 0, count: length - 2)
      if kind == 44 { header[3] = pick([0, 0, 1, 9, 6]) }
      chain = header + chain
      next = kind
    }
    let size = Int(bytes[at + 4]) << 8 + Int(bytes[at + 5]) + chain.count
    let packet = Packets.replaced(bytes, at: at + 40, by: chain, over: 0)
    return Packets.replaced(packet, at: at + 4, by: [UInt8(size >> 8), UInt8(size & 255), next])
  }

  /// One in two IPv4 packets becomes a fragment.
  private mutating func fragmented(_ bytes: [UInt8], _ builder: PacketBuilder) -> [UInt8] {
    guard builder.version == .v4, chance(2) else { return bytes }
    let at = 14 + 4 * builder.vlanTags.count + 6
    return Packets.replaced(bytes, at: at, by: pick([[0x20, 0], [0, 9], [0x40, 0]]))
  }
}

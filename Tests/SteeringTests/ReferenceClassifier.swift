import Steering
import Wire

/// What a packet's intact headers say, read the slow way: the program has to agree.
struct ReferenceFacts {
  var destinationMAC: [UInt8]?
  var sourceMAC: [UInt8]?
  /// The identifiers of the outer tags, at most two.
  var vlans: [UInt16] = []
  var etherType: UInt16?
  var ipVersion: UInt8?
  var ipProtocol: UInt8?
  var isFragment = false
  /// Of IPv4, IPv6, or the two that ARP names.
  var source: [UInt8] = []
  var destination: [UInt8] = []
  var sourcePort: UInt16?
  var destinationPort: UInt16?
  var tcpFlags: UInt8?

  init(_ packet: [UInt8]) {
    guard packet.count >= 14 else { return }
    destinationMAC = Array(packet[0..<6])
    sourceMAC = Array(packet[6..<12])
    var type = number(packet, 12)
    var rest = Array(packet.dropFirst(14))
    while vlans.count < 2, let tag = type, tag == 0x8100 || tag == 0x88A8 {
      type = number(rest, 2)
      guard type != nil, let control = number(rest, 0) else { return }
      vlans.append(control & 0xFFF)
      rest = Array(rest.dropFirst(4))
    }
    guard let type, type >= 0x600 else { return }
    etherType = type
    switch type {
    case 0x0800: readIPv4(rest)
    case 0x86DD: readIPv6(rest)
    case 0x0806: readARP(rest)
    default: break
    }
  }

  private mutating func readIPv4(_ bytes: [UInt8]) {
    guard bytes.count >= 20, bytes[0] >> 4 == 4, let total = number(bytes, 2) else { return }
    let length = Int(bytes[0] & 15) * 4
    guard length >= 20, bytes.count >= length, Int(total) >= length else { return }
    ipVersion = 4
    ipProtocol = bytes[9]
    source = Array(bytes[12..<16])
    destination = Array(bytes[16..<20])
    isFragment = bytes[6] & 0x3F != 0 || bytes[7] != 0
    if !isFragment { readPorts(Array(bytes.dropFirst(length)), left: Int(total) - length) }
  }

  private mutating func readARP(_ bytes: [UInt8]) {
    guard bytes.count >= 28, bytes.starts(with: [0, 1, 8, 0, 6, 4]) else { return }
    source = Array(bytes[14..<18])
    destination = Array(bytes[24..<28])
  }

  private mutating func readIPv6(_ bytes: [UInt8]) {
    guard bytes.count >= 40, bytes[0] >> 4 == 6, let payload = number(bytes, 4) else { return }
    ipVersion = 6
    source = Array(bytes[8..<24])
    destination = Array(bytes[24..<40])
    var left = Int(payload)
    var rest = Array(bytes.dropFirst(40))
    var next = bytes[6]
    var extensions = 0
    while [0, 43, 44, 51, 60, 135, 139, 140].contains(next) {
      guard extensions < 8, rest.count >= 8 else { return }
      let length = next == 44 ? 8 : next == 51 ? 4 * (Int(rest[1]) + 2) : 8 * (Int(rest[1]) + 1)
      guard left >= length else { return }
      isFragment = next == 44 && (rest[2] != 0 || rest[3] & 0xF9 != 0)
      next = rest[0]
      if isFragment { break }
      rest = Array(rest.dropFirst(length))
      left -= length
      extensions += 1
    }
    ipProtocol = next
    if !isFragment { readPorts(rest, left: left) }
  }

  private mutating func readPorts(_ bytes: [UInt8], left: Int) {
    let needed = [17: 8, 136: 8, 33: 12, 132: 12, 6: 20][ipProtocol ?? 0] ?? .max
    guard bytes.count >= needed, left >= needed else { return }
    sourcePort = number(bytes, 0)
    destinationPort = number(bytes, 2)
    if ipProtocol == 6 { tcpFlags = bytes[13] }
  }
}

/// Two bytes in network order; nil if they are not there.
private func number(_ bytes: [UInt8], _ offset: Int) -> UInt16? {
  guard offset + 2 <= bytes.count else { return nil }
  return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
}

extension Match {
  /// Whether a packet with these facts, on this interface and queue, meets every condition.
  func names(_ facts: ReferenceFacts, interface: String = "near", queue arrival: Int) -> Bool {
    guard holds(self.interface, { $0.name == interface }) else { return false }
    guard holds(queue, { $0 == arrival }) else { return false }
    return namesFrame(facts) && namesAddresses(facts) && namesUpper(facts)
  }

  private func namesFrame(_ facts: ReferenceFacts) -> Bool {
    let source = MACAddress(bytes: facts.sourceMAC ?? [])
    let destination = MACAddress(bytes: facts.destinationMAC ?? [])
    let inner = facts.vlans.count > 1 ? facts.vlans[1] : nil
    guard holds(vlan, { $0.isMet(by: facts.vlans.first) }) else { return false }
    guard holds(innerVLAN, { $0.isMet(by: inner) }) else { return false }
    guard holds(sourceMAC, { source == $0 }) else { return false }
    guard holds(destinationMAC, { destination == $0 }) else { return false }
    return holds(type) { facts.etherType == $0.rawValue }
  }

  private func namesAddresses(_ facts: ReferenceFacts) -> Bool {
    let isARP = type == .is(.arp)
    guard holds(version, { facts.ipVersion == $0 }) else { return false }
    guard holds(source, { $0.isMet(by: facts.source, of: facts, isARP) }) else { return false }
    guard holds(destination, { $0.isMet(by: facts.destination, of: facts, isARP) }) else {
      return false
    }
    guard holds(upperProtocol, { facts.ipProtocol == $0.rawValue }) else { return false }
    return holds(fragment) { _ in facts.isFragment }
  }

  private func namesUpper(_ facts: ReferenceFacts) -> Bool {
    guard holds(sourcePorts, { Self.lies(facts.sourcePort, in: $0) }) else { return false }
    guard holds(destinationPorts, { Self.lies(facts.destinationPort, in: $0) }) else {
      return false
    }
    return holds(tcpFlags) { wanted in
      guard let flags = facts.tcpFlags.map({ TCPFlags(rawValue: $0) }) else { return false }
      return flags.isSuperset(of: wanted.set) && flags.isDisjoint(with: wanted.clear)
    }
  }

  private static func lies(_ port: UInt16?, in ports: ClosedRange<UInt16>) -> Bool {
    port.map { ports.contains($0) } ?? false
  }

  private func holds<Value>(_ condition: Condition<Value>?, _ test: (Value) -> Bool) -> Bool {
    condition.map { test($0.value) != $0.isNegated } ?? true
  }
}

extension VLANTag {
  fileprivate func isMet(by identifier: UInt16?) -> Bool {
    switch self {
    case .any: identifier != nil
    case .identifier(let wanted): identifier == wanted
    }
  }
}

extension AddressPrefix {
  fileprivate func isMet(by address: [UInt8], of facts: ReferenceFacts, _ isARP: Bool) -> Bool {
    let wanted: [UInt8]
    switch self {
    case .v4(let prefix, _):
      guard isARP ? facts.etherType == 0x0806 : facts.ipVersion == 4 else { return false }
      wanted = (0..<4).map { UInt8(truncatingIfNeeded: prefix.rawValue >> (24 - 8 * $0)) }
    case .v6(let prefix, _):
      guard facts.ipVersion == 6 else { return false }
      wanted = [prefix.high, prefix.low].flatMap { half in
        (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) }
      }
    }
    guard address.count == wanted.count else { return false }
    return (0..<length).allSatisfy { bit in
      let differing: UInt8 = address[bit / 8] ^ wanted[bit / 8]
      return differing & (0x80 >> UInt8(bit % 8)) == 0
    }
  }
}

/// The place of the rule that decides, and of those that only count.
func reference(
  _ rules: [Rule], _ packet: [UInt8], queue: Int
) -> (winner: Int?, counted: [Int]) {
  let facts = ReferenceFacts(packet)
  var counted: [Int] = []
  let order = rules.indices.sorted { (-rules[$0].priority, $0) < (-rules[$1].priority, $1) }
  for place in order where rules[place].match.names(facts, queue: queue) {
    if rules[place].action != .count { return (place, counted) }
    counted.append(place)
  }
  return (nil, counted)
}

/// A match with what it does to a packet that arrives on one queue or any.
struct ReferenceRule {
  var match: Match
  var action: Action
  var queue: Int?
}

/// The action of the first rule that names the packet.
func reference(_ rules: [ReferenceRule], _ packet: [UInt8], queue: Int) -> Action {
  let all = rules.map { Rule($0.match, $0.action, queue: $0.queue) }
  return reference(all, packet, queue: queue).winner.map { all[$0].action } ?? .kernel
}

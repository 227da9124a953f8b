import Steering

/// What a packet's intact headers say, read the slow way: the program has to agree.
struct PacketFacts {
  var etherType: UInt16?
  var ipVersion: UInt8?
  var ipProtocol: UInt8?
  var destinationPort: UInt16?
  var destination: [UInt8] = []

  init(_ packet: [UInt8]) {
    guard packet.count >= 14 else { return }
    var type = number(packet, 12)
    var rest = Array(packet.dropFirst(14))
    var tags = 0
    while tags < 2, let tag = type, tag == 0x8100 || tag == 0x88A8 {
      type = number(rest, 2)
      rest = Array(rest.dropFirst(4))
      tags += 1
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
    destination = Array(bytes[16..<20])
    let isFragment = bytes[6] & 0x3F != 0 || bytes[7] != 0
    if !isFragment { readPorts(Array(bytes.dropFirst(length)), left: Int(total) - length) }
  }

  private mutating func readARP(_ bytes: [UInt8]) {
    guard bytes.count >= 28, bytes.starts(with: [0, 1, 8, 0, 6, 4]) else { return }
    destination = Array(bytes[24..<28])
  }

  private mutating func readIPv6(_ bytes: [UInt8]) {
    guard bytes.count >= 40, bytes[0] >> 4 == 6, let payload = number(bytes, 4) else { return }
    ipVersion = 6
    destination = Array(bytes[24..<40])
    var left = Int(payload)
    var rest = Array(bytes.dropFirst(40))
    var next = bytes[6]
    var extensions = 0
    while [0, 43, 44, 60].contains(next) {
      guard extensions < 6, rest.count >= 8 else { return }
      let length = next == 44 ? 8 : 8 * (Int(rest[1]) + 1)
      guard left >= length else { return }
      let isFragment = next == 44 && (rest[2] != 0 || rest[3] & 0xF9 != 0)
      next = rest[0]
      if isFragment {
        ipProtocol = next
        return
      }
      rest = Array(rest.dropFirst(length))
      left -= length
      extensions += 1
    }
    ipProtocol = next
    readPorts(rest, left: left)
  }

  private mutating func readPorts(_ bytes: [UInt8], left: Int) {
    let needed = ipProtocol == 17 ? 8 : ipProtocol == 6 ? 20 : .max
    if bytes.count >= needed, left >= needed { destinationPort = number(bytes, 2) }
  }
}

/// Two bytes in network order; nil if they are not there.
private func number(_ bytes: [UInt8], _ offset: Int) -> UInt16? {
  guard offset + 2 <= bytes.count else { return nil }
  return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
}

/// A match with its fields and, apart from it, the address that it names.
struct ReferenceRule {
  var match: Match
  var address: [UInt8] = []
  var action: Action
  var queue: Int?

  func names(_ facts: PacketFacts, queue arrival: Int) -> Bool {
    (match.etherType == nil || match.etherType == facts.etherType)
      && (match.ipVersion == nil || match.ipVersion == facts.ipVersion)
      && (match.ipProtocol == nil || match.ipProtocol == facts.ipProtocol)
      && (match.destinationPort == nil || match.destinationPort == facts.destinationPort)
      && (address.isEmpty || address == facts.destination)
      && (queue == nil || queue == arrival)
  }
}

/// The action of the first rule that names the packet.
func reference(_ rules: [ReferenceRule], _ packet: [UInt8], queue: Int) -> Action {
  let facts = PacketFacts(packet)
  return rules.first { $0.names(facts, queue: queue) }?.action ?? .kernel
}

import MartletTestKit
import Steering
import Testing
import Wire
import XSK

/// The program in the kernel against a slow classifier of our own, packet by packet.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ClassifierTests {
  /// Every kind of match.
  ///
  /// To the socket if it matches: the bench has one on queue 0.
  static let matches: [ReferenceRule] = [
    rule(.everything), rule(.arp), rule(.icmp), rule(.icmpv6), rule(.udp(destinationPort: 1002)),
    rule(.udp(destinationPort: 1003)), rule(.tcp(destinationPort: 1002)),
    rule(.etherType(0x88CC)), rule(.etherType(0x0800)), rule(.etherType(0x8100)),
    rule(.ipProtocol(17)), rule(.ipProtocol(47)), rule(.ipProtocol(0)), rule(.ipProtocol(60)),
    address(.everything, IPv4Address(192, 0, 2, 2)),
    address(.arp, IPv4Address(192, 0, 2, 2)), address(.arp, IPv4Address(192, 0, 2, 3)),
    address(.everything, IPv4Address(192, 0, 2, 3)),
    address(.udp(destinationPort: 1002), IPv4Address(192, 0, 2, 2)),
    address(.tcp(destinationPort: 1002), documentation(2)), address(.everything, documentation(3)),
    ReferenceRule(match: .everything, action: .socket, queue: 0),
    ReferenceRule(match: .arp, action: .socket, queue: 1),
  ]

  @Test func everyMatchOnEveryPacketAtEveryLength() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      for rule in Self.matches {
        try bench.program.setRules([Self.rule(rule)])
        for packet in Packets.all {
          for length in 14...max(14, packet.bytes.count) where length <= packet.bytes.count {
            let bytes = Array(packet.bytes.prefix(length))
            let verdict = try bench.trial(bytes)
            let expected = reference([rule], bytes, queue: 0)
            try #require(verdict == expected, "\(packet.name), \(length) bytes, \(rule)")
          }
        }
      }
    }
  }

  @Test func randomBytesAndRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var random = SeededGenerator(seed: 42)
      var seen: [Action: Int] = [:]
      for _ in 0..<50 {
        let rules = (0..<Int.random(in: 1...8, using: &random)).map { _ in Self.randomRule(&random)
        }
        try bench.program.setRules(rules.map(Self.rule))
        for _ in 0..<200 {
          // The kernel tries no packet below 14 bytes.
          let noise = Self.randomPacket(&random)
          let bytes = noise + [UInt8](repeating: 0xAA, count: max(0, 14 - noise.count))
          let verdict = try bench.trial(bytes)
          try #require(verdict == reference(rules, bytes, queue: 0), "\(bytes) \(rules)")
          seen[verdict, default: 0] += 1
        }
      }
      #expect(seen.values.allSatisfy { $0 > 100 } && seen.count == 3, "\(seen)")
    }
  }

  @Test func whatTheKernelDoesNotTry() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(mode: .generic)
      try bench.program.setRules([Rule(.everything, .drop)])
      for count in [14, 3500, 65_535] where count <= 3500 || KernelFeature.fragments.isExpected {
        let packet = [UInt8](repeating: 0xAA, count: count)
        #expect(try bench.trial(packet) == .drop)
      }
      for count in [0, 13, 65_536, 100_000] {
        let packet = [UInt8](repeating: 0xAA, count: count)
        let tried = refusal { () throws(XDPError) in
          try bench.program.trial(of: packet, interface: bench.near)
        }
        let explained = refusal { () throws(XDPError) in
          try bench.program.explain(packet, interface: bench.near)
        }
        #expect(tried?.kind == .configuration && explained?.kind == .configuration)
      }
    }
  }

  @Test func firstOfSeveralRulesDecides() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([
        Rule(.udp(destinationPort: 1002), .drop), Rule(.ipProtocol(17), .socket),
      ])
      var other = PacketBuilder()
      other.destination.port = 7
      #expect(try bench.trial(PacketBuilder().udp()) == .drop)
      #expect(try bench.trial(other.udp()) == .socket)
      #expect(try bench.trial(PacketBuilder().tcp()) == .kernel)
    }
  }

  @Test func queuesAreToldApart() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let near = bench.near
      try bench.program.setRules([Rule(.arp, .drop, queue: 1), Rule(.arp, .socket)])
      let arp = PacketBuilder().arpRequest()
      #expect(try bench.trial(arp, queue: 0) == .socket)
      #expect(try bench.trial(arp, queue: 1) == .drop)
      try bench.program.setRules([Rule(.everything, .socket)])
      #expect(try bench.trial(arp, queue: 0) == .socket)
      #expect(try bench.trial(arp, queue: 1) == .kernel, "queue 1 has no socket")
      try bench.program.unregister(interface: near, queue: 0)
      #expect(try bench.trial(arp, queue: 0) == .kernel)
      let counters = try bench.program.counters(of: near)
      #expect(counters.socket == 2 && counters.noSocket == 2)
      #expect(counters.dropped == 1 && counters.kernel == 0)
    }
  }

  /// Also in headers that are read the long way.
  @Test(arguments: [0, 1]) func eachOfFourQueues(_ tags: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 4)
      var builder = PacketBuilder()
      builder.vlanTags = [UInt16](repeating: 5, count: tags)
      for wanted in 0..<4 {
        try bench.program.setRules([Rule(.ipProtocol(17), .drop, queue: wanted)])
        for queue in 0..<4 {
          let verdict = try bench.trial(builder.udp(), queue: queue)
          #expect(verdict == (queue == wanted ? .drop : .kernel), "\(wanted), \(queue)")
        }
      }
    }
  }

  static func rule(_ match: Match) -> ReferenceRule { ReferenceRule(match: match, action: .socket) }

  static func documentation(_ host: UInt64) -> IPv6Address {
    IPv6Address(high: 0x2001_0DB8_0000_0000, low: host)
  }

  static func address(_ match: Match, _ address: IPv4Address) -> ReferenceRule {
    ReferenceRule(match: match.to(address), action: .socket)
  }

  static func address(_ match: Match, _ address: IPv6Address) -> ReferenceRule {
    ReferenceRule(match: match.to(address), action: .socket)
  }

  static func rule(_ rule: ReferenceRule) -> Rule {
    Rule(rule.match, rule.action, queue: rule.queue)
  }

  static func randomRule(_ random: inout SeededGenerator) -> ReferenceRule {
    var rule = matches.dropFirst().randomElement(using: &random) ?? matches[1]
    rule.action = [.drop, .kernel, .socket].randomElement(using: &random) ?? .drop
    return rule
  }

  /// One in four is noise; the others are packets with a few bytes changed and perhaps cut short.
  static func randomPacket(_ random: inout SeededGenerator) -> [UInt8] {
    if Int.random(in: 0..<4, using: &random) == 0 {
      let count = Int.random(in: 0...120, using: &random)
      return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    var bytes = Packets.all.randomElement(using: &random)?.bytes ?? []
    for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: 0..<min(bytes.count, 64), using: &random)
      bytes[at] = UInt8.random(in: 0...255, using: &random)
    }
    if Bool.random(using: &random) {
      bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
    }
    return bytes
  }
}

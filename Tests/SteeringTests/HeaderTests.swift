import MartletTestKit
import Steering
import Testing
import Wire

/// Headers on the edge of what they may say, packet by packet.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct HeaderTests {
  /// A range that includes the port 0 of packets without ports.
  @Test func withoutPortsNoneIsInARange() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules(RuleText.parse("not dst port 0-1023 -> drop"))
      var builder = PacketBuilder()
      let fragment = Packets.replaced(builder.udp(), at: 20, by: [0x20, 0])
      for packet in [builder.icmpEcho(), builder.arpRequest(), fragment] {
        #expect(try bench.trial(packet) == .drop, "\(packet)")
      }
      for (port, action) in [(0, Action.kernel), (1023, .kernel), (1024, .drop)] {
        builder.destination.port = UInt16(port)
        #expect(try bench.trial(builder.udp()) == action, "\(port)")
      }
    }
  }

  /// Priority and "drop eligible" are no part of the identifier.
  @Test(arguments: [0x1005, 0x2005, 0xF005] as [UInt16])
  func aTagIsKnownByItsIdentifier(_ tag: UInt16) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules(RuleText.parse("vlan 5 and inner vlan 5 -> drop"))
      var builder = PacketBuilder()
      builder.vlanTags = [tag, tag]
      #expect(try bench.trial(builder.udp()) == .drop)
      builder.vlanTags = [tag, tag ^ 1]
      #expect(try bench.trial(builder.udp()) == .kernel)
    }
  }

  /// Also in headers that are read the long way.
  @Test(arguments: PacketBuilder.Version.allCases, [0, 1])
  func everyFlagCounts(_ version: PacketBuilder.Version, _ tags: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      builder.version = version
      builder.vlanTags = [UInt16](repeating: 5, count: tags)
      let at = 14 + 4 * tags + (version == .v4 ? 20 : 40) + 13
      let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]
      for (bit, name) in names.enumerated() {
        try bench.program.setRules(RuleText.parse("tcp flags \(name) -> drop"))
        let flag = UInt8(1) << UInt8(bit)
        let alone = Packets.replaced(builder.tcp(), at: at, by: [flag])
        #expect(try bench.trial(alone) == .drop, "\(name)")
        let others = Packets.replaced(builder.tcp(), at: at, by: [~flag])
        #expect(try bench.trial(others) == .kernel, "not \(name)")
      }
    }
  }

  @Test(arguments: 0..<12) func everyBitOfAnIdentifierCounts(_ bit: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let identifier = UInt16(1) << UInt16(bit)
      var builder = PacketBuilder()
      for (field, place) in [("vlan", 0), ("inner vlan", 1)] {
        try bench.program.setRules(RuleText.parse("\(field) \(identifier) -> drop"))
        for (tag, action) in [(identifier, Action.drop), (0, .kernel), (0xFFF, .kernel)] {
          builder.vlanTags = [0, 0]
          builder.vlanTags[place] = tag
          #expect(try bench.trial(builder.udp()) == action, "\(field) \(tag)")
        }
      }
    }
  }

  /// A tag that says nothing but a priority is one, with the identifier 0.
  @Test(arguments: ["vlan", "vlan 0"], [0, 0xE000] as [UInt16])
  func aPriorityIsATag(_ text: String, _ tag: UInt16) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      for depth in 0...2 {
        builder.vlanTags = [UInt16](repeating: tag, count: depth)
        for version in PacketBuilder.Version.allCases {
          builder.version = version
          try bench.program.setRules(RuleText.parse("\(text) -> drop"))
          #expect(try bench.trial(builder.udp()) == (depth > 0 ? .drop : .kernel), "\(depth)")
          try bench.program.setRules(RuleText.parse("inner \(text) -> drop"))
          #expect(try bench.trial(builder.udp()) == (depth > 1 ? .drop : .kernel), "\(depth)")
        }
      }
    }
  }

  /// Below 0x600 the field is a length, of which no rule can ask.
  @Test func aLengthIsNoEtherType() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let payload = [UInt8](repeating: 0, count: 46)
      for number in [0x0100, 0x05FF, 0x0600] as [UInt16] {
        try bench.program.setRules([Rule(.etherType(number), .drop)])
        let frame = PacketBuilder().ethernet(type: number, payload: payload)
        #expect(try bench.trial(frame) == (number < 0x600 ? .kernel : .drop), "\(number)")
      }
    }
  }

  /// Protocols with ports, and how many bytes their headers have.
  static let uppers: [(number: Int, size: Int)] = [(6, 20), (17, 8), (132, 12)]

  /// The IP header says that the packet ends within the next one, and padding follows.
  @Test(arguments: PacketBuilder.Version.allCases, uppers) func paddingIsNoHeader(
    _ version: PacketBuilder.Version, _ upper: (number: Int, size: Int)
  ) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      builder.version = version
      // Ports 1001 and 1002; of TCP the flag ACK.
      var header = [UInt8](repeating: 0, count: 24)
      header.replaceSubrange(0..<4, with: [3, 0xE9, 3, 0xEA])
      header[13] = 0x10
      let packet = builder.ip(protocolNumber: UInt8(upper.number), payload: header)
      var ports = Match.everything
      ports.sourcePort = 1001
      ports.destinationPort = 1002
      var flags = Match.everything
      flags.tcpFlags = .is(TCPFlagMatch(set: .ack))
      for match in [ports, flags] {
        let rules = [Rule(match, .drop), Rule(.ipProtocol(UInt8(upper.number)), .socket)]
        try bench.program.setRules(rules)
        for left in 0...upper.size {
          let total = UInt8(version == .v4 ? 20 + left : left)
          let cut = Packets.replaced(packet, at: version == .v4 ? 16 : 18, by: [0, total])
          let winner = try #require(reference(rules, cut, queue: 0).winner)
          #expect(winner == (left < upper.size || match == flags && upper.number != 6 ? 1 : 0))
          #expect(try bench.trial(cut) == rules[winner].action, "\(match), \(left) bytes")
        }
      }
    }
  }

  /// Rules whose bits are all the same, so that only their clauses tell them apart.
  @Test(arguments: [Action.drop, .count])
  func theLastOfALongChain(_ action: Action) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let rules = (0..<200 as Range<UInt16>).map { further in
        var match = Match.everything
        match.destinationPorts = .is(32_767 - further...32_768 + further)
        return Rule(match, action)
      }
      let ids = try bench.program.apply(RuleChange(rules.map { .add($0) }))
      var builder = PacketBuilder()
      builder.destination.port = 32_768 + 199
      #expect(try bench.trial(builder.udp()) == (action == .drop ? .drop : .kernel))
      #expect(bench.program.counters(of: ids[199])?.packets == 1)
      #expect(bench.program.counters(of: ids[198])?.packets == 0)
    }
  }
}

import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// The program with rules as the kernel takes it, and its change under traffic.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct RuleProgramTests {
  /// With and without fragments, native and generic, facts and none: the verifier takes all.
  @Test(arguments: [false, true], [AttachMode.native, .generic]) func theVerifierTakesIt(
    _ acceptsFragments: Bool, _ mode: AttachMode
  ) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      var program = try SteeringProgram(socketCapacity: 8, acceptsFragments: acceptsFragments)
      try program.attach(to: near, mode: mode)
      try program.setRules([Rule(.arp, .drop)])
      for isOn in [true, false] {
        try program.setFacts(isOn)
        #expect(
          try program.trial(of: PacketBuilder().arpRequest(), interface: near) == .drop)
        #expect(program.attachment(to: near) != nil)
      }
      #expect(
        try program.explain(PacketBuilder().arpRequest(), interface: near).action == .drop)
    }
  }

  /// A chain of 4,000 entries with one hash, of which the last matches.
  @Test func rulesThatOnlyClausesTellApart() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var rules = (0..<4000).map { number in
        var match = Match()
        match.sourcePorts = .is(UInt16(2000 + number)...UInt16(40_001 + number))
        return Rule(match, .drop)
      }
      rules.append(Rule(.ipProtocol(17), .socket))
      try bench.program.setRules(rules)
      #expect(try bench.trial(PacketBuilder().udp()) == .socket)
    }
  }

  /// As many clauses as one rule can have, of which each alone may fail.
  @Test func everyFieldNegatedAtOnce() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      builder.vlanTags = [5, 6]
      // What the packet is not, and what it is.
      let fields = [
        ("on far", "on near"), ("queue 1", "queue 0"), ("vlan 7", "vlan 5"),
        ("inner vlan 7", "inner vlan 6"),
        ("ether src 02:00:00:00:00:09", "ether src 02:00:00:00:00:01"),
        ("ether dst 02:00:00:00:00:09", "ether dst 02:00:00:00:00:02"),
        ("ether proto ip6", "ether proto ip"), ("ip6", "ip"),
        ("src host 192.0.2.9", "src host 192.0.2.1"), ("dst host 192.0.2.9", "dst host 192.0.2.2"),
        ("udp", "tcp"), ("src port 5-9", "src port 1001"), ("dst port 5-9", "dst port 1002"),
        ("tcp flags urg", "tcp flags any"),
      ]
      for failing in 0...fields.count {
        let conditions = fields.enumerated().map { place, field in
          "not " + (place == failing ? field.1 : field.0)
        }
        try bench.program.setRules(
          RuleText.parse(conditions.joined(separator: " and ") + " -> drop"))
        let verdict = try bench.trial(builder.tcp())
        #expect(verdict == (failing == fields.count ? .drop : .kernel), "\(conditions)")
      }
    }
  }

  /// As many shapes as there are before any are joined: each is asked.
  @Test func twelveShapes() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      builder.vlanTags = [5, 6]
      // What the packet is, and what it is not.
      let fields = [
        ("queue 0", "queue 1"), ("vlan 5", "vlan 7"), ("inner vlan 6", "inner vlan 7"),
        ("ether src 02:00:00:00:00:01", "ether src 02:00:00:00:00:09"),
        ("ether dst 02:00:00:00:00:02", "ether dst 02:00:00:00:00:09"),
        ("ether proto ip", "ether proto ip6"), ("ip", "ip6"),
        ("src host 192.0.2.1", "src host 192.0.2.9"), ("dst host 192.0.2.2", "dst host 192.0.2.9"),
        ("udp", "tcp"), ("src port 1001", "src port 9"), ("dst port 1002", "dst port 9"),
      ]
      try #require(fields.count == RuleShapes.few)
      let counting = try RuleText.parse(fields.map { $0.0 + " -> count\n" }.joined())
      for winner in fields.indices {
        let deciding = fields.enumerated().map { place, field in
          (place == winner ? field.0 : field.1) + " -> drop\n"
        }
        let rules = try counting + RuleText.parse(deciding.joined())
        let ids = try bench.program.apply(RuleChange([.removeAll] + rules.map { .add($0) }))
        #expect(try bench.trial(builder.udp()) == .drop)
        // All that count do so each time: their counters go on.
        let counted = ids.prefix(fields.count).map { bench.program.counters(of: $0)?.packets ?? 0 }
        #expect(counted.allSatisfy { $0 == UInt64(winner + 1) }, "\(winner): \(counted)")
        #expect(bench.program.counters(of: ids[fields.count + winner])?.packets ?? 0 > 0)
      }
    }
  }

  /// However many masks there are, there are few shapes, and the reference agrees.
  @Test func masksOfEveryLength() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let rules = (0..<1000).map { number in
        var match = Match()
        let bits = number % 33
        match.source = .is(AddressPrefix.v4(.any, length: bits).canonical)
        match.destination = .is(
          AddressPrefix.v4(IPv4Address(192, 0, 2, 3), length: 32 - number / 32).canonical)
        return Rule(match, number % 2 == 0 ? .drop : .socket)
      }
      try bench.program.setRules(rules)
      for host in UInt8(0)...8 {
        var builder = PacketBuilder()
        builder.source.ipv4 = [0, 0, 0, host]
        builder.destination.ipv4[3] = host
        let winner = reference(rules, builder.udp(), queue: 0).winner
        #expect(try bench.trial(builder.udp()) == winner.map { rules[$0].action } ?? .kernel)
      }
      let patterns = rules.map { KeyPattern($0.match, interface: nil) }
      #expect(Set(RuleShapes.masks(of: patterns, limit: 48)).count <= 12)
    }
  }

  /// Numbers of sets begin anew after 16 million: what the cache kept is not taken for the new
  /// one's.
  @Test func numbersOfSetsWrapAround() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let arp = PacketBuilder().arpRequest()
      try bench.program.setRules([Rule(.arp, .drop)])
      // A flow is remembered from its second packet on, by each processor for itself.
      for _ in 0..<50 { #expect(try bench.trial(arp) == .drop) }
      let word = bench.program.word
      bench.program.nextWord = SteeringWord.lastNumber
      // Until the very word of the first rules is in force again, and no packet comes meanwhile.
      for _ in 0..<100 where bench.program.word != word || bench.program.nextWord > 2 {
        // The first asks for the same and has the place that the dropping rule had.
        try bench.program.setRules([Rule(.etherType(0x1234), .drop), Rule(.arp, .kernel)])
        if bench.program.nextWord == 2, bench.program.word != word {
          // Its number, but another set.
          while try bench.program.engine?.waitForSet() == true {}
          bench.program.nextWord = 1
        }
      }
      #expect(bench.program.word == word)
      for _ in 0..<50 { #expect(try bench.trial(arp) == .kernel) }
    }
  }
}

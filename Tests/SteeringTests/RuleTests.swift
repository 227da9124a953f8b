import Glibc
import MartletTestKit
import Steering
import Synchronization
import Testing
import XSK

/// Rules changed while the program is attached.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct RuleTests {
  static let arp = PacketBuilder().arpRequest()
  static let udp = PacketBuilder().udp()

  @Test func withoutRulesEverythingGoesToTheKernel() async throws {
    try await withNetworkNamespace {
      let bench = try Bench()
      #expect(try bench.trial(Self.udp) == .kernel)
      let counters = try bench.program.counters(of: bench.near)
      #expect(counters.kernel == 1 && counters.noSocket == 0)
    }
  }

  @Test func setRulesReplacesThem() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      // More changes than there are places to write a set to, and each leaves less than the one
      // before.
      let both = [Rule(.arp, .drop), Rule(.ipProtocol(17), .drop)]
      for _ in 0..<3 {
        try bench.program.setRules(both)
        #expect(try bench.trial(Self.arp) == .drop && bench.trial(Self.udp) == .drop)
        try bench.program.setRules([Rule(.ipProtocol(17), .socket)])
        #expect(try bench.trial(Self.arp) == .kernel && bench.trial(Self.udp) == .socket)
        try bench.program.setRules([])
        #expect(try bench.trial(Self.arp) == .kernel && bench.trial(Self.udp) == .kernel)
      }
    }
  }

  @Test func appendComesBehind() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.append(Rule(.arp, .drop))
      try bench.program.append(Rule(.arp, .socket))
      #expect(try bench.trial(Self.arp) == .drop && bench.trial(Self.udp) == .kernel)
      try bench.program.append(Rule(.everything, .socket))
      #expect(try bench.trial(Self.arp) == .drop && bench.trial(Self.udp) == .socket)
      do throws(XDPError) {
        try bench.program.append(Rule(.ipProtocol(17), .drop))
        Issue.record("nothing is left for a rule behind everything")
      } catch {
        #expect(error.kind == .configuration && error.remedy.contains("last"))
      }
      #expect(try bench.trial(Self.udp) == .socket)
    }
  }

  @Test("A rule that names every packet counts, and says why the others do not decide")
  func everythingFirst() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let rules = [
        Rule(.everything, .drop, priority: 1), Rule(.arp, .count, priority: 2),
        Rule(.udp(destinationPort: 5), .socket), Rule(.everything, .socket, priority: .min),
      ]
      let ids = try bench.program.apply(RuleChange(rules.map { .add($0) }))
      #expect(try bench.trial(Self.udp) == .drop)
      #expect(bench.program.counters(of: ids[0])?.packets == 1)
      let explained = try bench.program.explain(Self.udp, interface: bench.near)
      #expect(explained.winner == ids[0] && explained.action == .drop)
      let outcomes = explained.rules.reduce(into: [:]) { $0[$1.rule] = $1.outcome }
      #expect(outcomes[ids[0]] == .decides && outcomes[ids[3]] == .outranked)
      #expect(outcomes[ids[1]] == .differs([.etherType]))
      #expect(outcomes[ids[2]] == .differs([.destinationPort]))
      // Alone it needs no look at packets, and counts none.
      try bench.program.setRules([Rule(.everything, .drop)])
      #expect(try bench.trial(Self.udp) == .drop)
      #expect(bench.program.counters(of: bench.program.rules[0].id) == nil)
    }
  }

  @Test("As many as 4,096 rules, and one more that takes the rest")
  func mostRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let rules = (0..<4096).map { Rule(.udp(destinationPort: UInt16($0)), .kernel) }
      let rest = Rule(.everything, .socket, priority: .min)
      for _ in 0..<2 {
        try bench.program.setRules([rest] + rules)
        #expect(try bench.trial(Self.udp) == .kernel && bench.trial(Self.arp) == .socket)
      }
    }
  }

  @Test func fourThousandAndNinetySixRulesAndNoMore() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var rules = (0..<4094).map { Rule(.udp(destinationPort: UInt16($0)), .kernel) }
      rules.append(Rule(.arp, .drop))
      // Twice: the last entry of either place.
      for _ in 0..<2 {
        try bench.program.setRules(rules)
        #expect(try bench.trial(Self.arp) == .drop)
      }
      try bench.program.append(Rule(.everything, .socket))
      #expect(try bench.trial(Self.udp) == .kernel && bench.trial(Self.arp) == .drop)
      #expect(try bench.trial(PacketBuilder().tcp()) == .socket)
      var isRefused = false
      do throws(XDPError) {
        try bench.program.setRules(rules + [Rule(.icmp, .drop)])
      } catch {
        isRefused = error.kind == .configuration
      }
      #expect(!isRefused, "as many as there were")
      do throws(XDPError) {
        try bench.program.apply(RuleChange([.add(Rule(.icmp, .drop)), .add(Rule(.icmp, .drop))]))
      } catch {
        isRefused = error.kind == .configuration
      }
      #expect(isRefused)
      #expect(try bench.trial(Self.arp) == .drop, "a refused change changes nothing")
    }
  }

  @Test func interfacesAreToldApart() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      _ = try VethPair("other", "peer")
      let other = try Interface(named: "other")
      try bench.program.attach(to: other, mode: .generic)
      try bench.program.setRules([
        Rule(.arp, .drop, interface: other), Rule(.everything, .socket),
      ])
      #expect(try bench.trial(Self.arp) == .socket)
      #expect(try bench.program.trial(of: Self.arp, interface: other) == .drop)
      // Its queue 0 has no socket: the sockets of two interfaces do not mix.
      #expect(try bench.program.trial(of: Self.udp, interface: other) == .kernel)
      #expect(try bench.program.counters(of: other).noSocket == 1)
      bench.program.detach(from: other)
      try bench.program.attach(to: other, mode: .generic)
      #expect(try bench.program.counters(of: other) == SteeringCounters())
    }
  }

  @Test func trafficGoesWhereTheRulesSay() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      try bench.program.setRules([Rule(.ipProtocol(17), .socket), Rule(.icmp, .drop)])
      let far = try PacketTap(bench.pair.far)
      let kernel = try PacketTap(bench.pair.near, etherType: 0x0806)
      for _ in 0..<5 {
        try far.send([Self.udp, PacketBuilder().icmpEcho(), Self.arp])
      }
      for _ in 0..<5 { #expect(try kernel.receive(timeout: .seconds(5)) == Self.arp) }
      let counters = try bench.program.counters(of: bench.near)
      #expect(counters.socket == 5 && counters.dropped == 5 && counters.kernel == 5)
    }
  }

  @Test("Interfaces are told apart by every bit of their numbers", arguments: [0, 1])
  func highNumbers(_ tags: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      builder.vlanTags = [UInt16](repeating: 5, count: tags)
      let numbers = [0x11, 0x111, 0x1_0011, 0x4000_0011]
      var interfaces: [Interface] = []
      for number in numbers {
        try runProgram(
          ["ip", "link", "add", "name", "a\(number)", "up", "index", "\(number)", "type", "veth"])
        interfaces.append(try Interface(named: "a\(number)"))
        try bench.program.attach(to: interfaces[interfaces.count - 1], mode: .generic)
      }
      for wanted in interfaces {
        try bench.program.setRules([Rule(.ipProtocol(17), .drop, interface: wanted)])
        for interface in interfaces {
          let verdict = try bench.program.trial(of: builder.udp(), interface: interface)
          #expect(verdict == (interface.index == wanted.index ? .drop : .kernel))
        }
      }
    }
  }

  @Test func socketsDoNotOutliveTheirInterface() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      _ = try VethPair("other", "peer")
      let other = try Interface(named: "other")
      try bench.program.setRules([Rule(.everything, .socket)])
      #expect(try bench.trial(Self.udp) == .socket)
      bench.program.detach(from: bench.near)
      // The same places among the sockets.
      try bench.program.attach(to: other, mode: .generic)
      #expect(try bench.program.trial(of: Self.udp, interface: other) == .kernel)
      let counters = try bench.program.counters(of: other)
      #expect(counters.noSocket == 1 && counters.socket == 0)
    }
  }

  /// A change that overwrites the rules in force would, for a moment, leave UDP to the kernel.
  @Test func noPacketSeesAMixtureOfRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let filler = (0..<999).map { Rule(.tcp(destinationPort: UInt16($0)), .socket) }
      let udp = Rule(.ipProtocol(17), .drop)
      let first = [udp] + filler
      let last = filler + [udp]
      try bench.program.setRules(first)
      let far = bench.pair.far
      let isOver = Flag()
      let senders = (0..<2).map { _ in
        TestThread {
          let tap = try PacketTap(far)
          var count = 0
          while !isOver.value.load(ordering: .relaxed) {
            // The near end's queue may be full: that packet was not received.
            if (try? tap.send(Self.udp)) != nil { count += 1 }
          }
          return count
        }
      }
      for round in 0..<40 {
        for rules in [last, first] {
          let steps = [.removeAll] + rules.map { RuleChange.Step.add($0) }
          let isTried = round % 4 == 1
          try bench.program.apply(RuleChange(steps, confirmWithin: isTried ? .seconds(60) : nil))
          guard isTried else { continue }
          if round % 8 == 1 {
            try bench.program.confirm()
          } else {
            bench.program.rollBack()
            try bench.program.setRules(rules)
          }
        }
        // Now and then so late that nothing has to be waited for.
        if round % 4 == 3 { usleep(30_000) }
      }
      isOver.value.store(true, ordering: .relaxed)
      let sent = try senders.reduce(0) { try $0 + $1.join() }
      let counters = try bench.program.counters(of: bench.near)
      #expect(counters.kernel == 0 && counters.socket == 0)
      #expect(counters.dropped == UInt64(sent))
      // The rule that was there all the time counted all the time.
      let rule = try #require(bench.program.rules.first { $0.rule == udp })
      #expect(rule.id.rawValue == 1)
      #expect(bench.program.counters(of: rule.id)?.packets == UInt64(sent))
    }
  }
}

/// A flag that threads share.
private final class Flag: Sendable {
  let value = Atomic(false)
}

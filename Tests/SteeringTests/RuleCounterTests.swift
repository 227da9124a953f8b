import Glibc
import MartletTestKit
import Testing
import XSK

@testable import Steering

/// What a rule has counted, and when it last did.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct RuleCounterTests {
  static let udp = PacketBuilder().udp(payload: [1, 2, 3])

  /// A place that another rule had.
  @Test func aPlaceThatIsUsedAgainBeginsAtZero() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var places: [UInt32] = []
      for round in 0..<40 {
        // Another rule each time, or it would go on counting.
        let rule = Rule(.ipProtocol(17), .drop, priority: round)
        let ids = try bench.program.apply(RuleChange([.removeAll, .add(rule)]))
        places.append(bench.program.book.rules[0].slot)
        #expect(try bench.trial(Self.udp) == .drop)
        let counters = bench.program.counters(of: ids[0])
        #expect(counters?.packets == 1 && counters?.bytes == UInt64(Self.udp.count))
      }
      #expect(Set(places).count < places.count)
    }
  }

  /// In a place that the rule had before, and then in one that is given up.
  @Test func aRuleThatIsReplacedWasSeenWhenItWas() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.ipProtocol(17), .drop))]))[0]
      _ = try bench.trial(Self.udp)
      for round in 0..<20 {
        let action: Action = round.isMultiple(of: 2) ? .socket : .drop
        try bench.program.apply(RuleChange([.replace(id, with: Rule(.ipProtocol(17), action))]))
        let counters = bench.program.counters(of: id)
        let seen = try #require(counters?.lastSeen)
        #expect(counters?.packets == 1 && seen < .seconds(30), "\(round)")
      }
    }
  }

  /// Not when the first one was.
  @Test func theLastPacketIsTheOneThatWasSeen() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.ipProtocol(17), .drop))]))[0]
      for _ in 0..<4 {
        usleep(300_000)
        let start = ContinuousClock.now
        _ = try bench.trial(Self.udp)
        let counters = bench.program.counters(of: id)
        // Both clocks go by ticks of at most 10 ms.
        let seen = try #require(counters?.lastSeen)
        #expect(seen <= ContinuousClock.now - start + .milliseconds(50))
      }
    }
  }

  /// A frame of two pages, of which the program sees the first piece alone.
  @Test func allPiecesOfAPacketCount() async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("near", "far") { $0.mtu = 9000 }
      var program = try SteeringProgram(acceptsFragments: true)
      try program.attach(to: try Interface(named: "near"), mode: .native)
      let id = try program.apply(RuleChange([.add(Rule(.ipProtocol(17), .drop))]))[0]
      let frame = PacketBuilder().udp(payload: [UInt8](repeating: 7, count: 8000))
      try PacketTap(pair.far).send(frame)
      let end = ContinuousClock.now + .seconds(5)
      while program.counters(of: id)?.packets != 1, ContinuousClock.now < end { usleep(1000) }
      #expect(program.counters(of: id)?.packets == 1)
      #expect(program.counters(of: id)?.bytes == UInt64(frame.count))
    }
  }
}

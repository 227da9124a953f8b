import MartletTestKit
import Steering
import Synchronization
import Testing
import Wire
import XSK

/// What comes and goes: numbers, counters, confirmation, the heartbeat.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct RuleLifeTests {
  static let udp = PacketBuilder().udp()
  static let arp = PacketBuilder().arpRequest()

  @Test func numbersAndCountersStayWithTheirRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let ids = try bench.program.apply(
        RuleChange([.add(Rule(.arp, .drop)), .add(Rule(.ipProtocol(17), .drop))]))
      #expect(ids.map(\.rawValue) == [1, 2])
      _ = try bench.trial(Self.udp)
      let more = try bench.program.apply(
        RuleChange([
          .remove(ids[0]), .replace(ids[1], with: Rule(.ipProtocol(17), .kernel)),
          .add(Rule(.icmp, .drop)),
        ]))
      #expect(bench.program.rules.map(\.id) == [ids[1]] + more && more.map(\.rawValue) == [3])
      #expect(try bench.trial(Self.udp) == .kernel)
      for round in 0..<4 {
        try bench.program.apply(RuleChange([.replace(ids[1], with: Rule(.ipProtocol(17), .drop))]))
        #expect(try bench.trial(Self.udp) == .drop)
        let counters = bench.program.counters(of: ids[1])
        #expect(counters?.packets == UInt64(3 + round))
        #expect(counters?.bytes == UInt64((3 + round) * Self.udp.count))
      }
      #expect(bench.program.counters(of: ids[0]) == nil)
    }
  }

  @Test func aChangeIsAllOrNothing() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let ids = try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))
      let broken: [[RuleChange.Step]] = [
        [.removeAll, .remove(ids[0])], [.remove(RuleID(rawValue: 99))],
        [.remove(ids[0]), .add(Rule(.icmp, .group("nobody")))],
        [.removeAll, .add(Rule(.icmp, .forward(Forwarding(to: "nowhere"))))],
      ]
      for steps in broken {
        #expect(throws: XDPError.self) { try bench.program.apply(RuleChange(steps)) }
        #expect(bench.program.rules.map(\.id) == ids)
        #expect(try bench.trial(Self.arp) == .drop)
      }
    }
  }

  @Test func countersSayWhen() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let ids = try bench.program.apply(RuleChange([.add(Rule(.arp, .count))]))
      #expect(bench.program.counters(of: ids[0])?.lastSeen == nil)
      _ = try bench.trial(Self.arp)
      let seen = try #require(bench.program.counters(of: ids[0])?.lastSeen)
      #expect(seen < .seconds(5))
    }
  }

  @Test func whatIsNotConfirmedIsUndoneByTheProgramItself() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.arp, .drop)])
      let change = RuleChange(
        [.removeAll, .add(Rule(.arp, .socket))], confirmWithin: .seconds(1))
      let start = ContinuousClock.now
      try bench.program.apply(change)
      let verdict = try bench.trial(Self.arp)
      if ContinuousClock.now - start < .milliseconds(900) {
        #expect(verdict == .socket)
        #expect(throws: XDPError.self) { try bench.program.apply(change) }
      }
      // Nobody tells the program: it goes back by itself.
      #expect(try Deadline(seconds: 5).wait { try bench.trial(Self.arp) == .drop })
      #expect(bench.program.rules.map(\.rule) == [Rule(.arp, .drop)])
      #expect(throws: XDPError.self) { try bench.program.confirm() }
      #expect(try bench.trial(Self.arp) == .drop)
    }
  }

  @Test func whatIsConfirmedStays() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.arp, .drop)])
      for isTaken in [true, false] {
        let change = RuleChange(
          [.removeAll, .add(Rule(.arp, .socket))], confirmWithin: .seconds(2))
        let start = ContinuousClock.now
        try bench.program.apply(change)
        if isTaken { try bench.program.confirm() } else { bench.program.rollBack() }
        // Beyond the time it had.
        while ContinuousClock.now < start + .milliseconds(2100) {
          #expect(try bench.trial(Self.arp) == (isTaken ? .socket : .drop))
        }
        #expect(bench.program.rules.map(\.rule.action) == [isTaken ? .socket : .drop])
        try bench.program.setRules([Rule(.arp, .drop)])
      }
    }
  }

  /// Unless this thread itself had to wait for so long that the heart counts as stopped.
  private static func expectDropAfterBeat(_ bench: borrowing Bench) throws {
    let start = ContinuousClock.now
    bench.program.beat()
    let verdict = try bench.trial(arp)
    if ContinuousClock.now - start < .milliseconds(40) { #expect(verdict == .drop) }
  }

  /// With rules and without: everything goes to the kernel until the heart beats again.
  @Test(arguments: [false, true]) func withoutAHeartbeatTheKernelHasIt(_ asks: Bool) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(asks ? .arp : .everything, .drop)])
      try bench.program.setHeartbeat(.milliseconds(60))
      #expect(bench.program.longestSleep == .milliseconds(30))
      for _ in 0..<2 {
        let start = ContinuousClock.now
        try Self.expectDropAfterBeat(bench)
        #expect(try Deadline(seconds: 5).wait { try bench.trial(Self.arp) == .kernel })
        #expect(ContinuousClock.now - start > .milliseconds(40))
      }
      let end = ContinuousClock.now + .milliseconds(300)
      while ContinuousClock.now < end { try Self.expectDropAfterBeat(bench) }
      #expect(try bench.program.counters(of: bench.near).hung >= 2)
      try bench.program.setHeartbeat(nil)
      #expect(try bench.trial(Self.arp) == .drop)
    }
  }
}

/// A time by which something has to be so.
private struct Deadline {
  let end: ContinuousClock.Instant

  init(seconds: Int) { end = ContinuousClock.now + .seconds(seconds) }

  /// Asks again and again; false if it never was.
  func wait(_ test: () throws -> Bool) rethrows -> Bool {
    while ContinuousClock.now < end {
      if try test() { return true }
    }
    return false
  }
}

import Glibc
import MartletTestKit
import Synchronization
import Testing
import Wire
import XSK

@testable import Steering

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

  @Test func aRuleThatComesAgainKeepsNumberAndCounters() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let (arp, udp) = (Rule(.arp, .drop), Rule(.ipProtocol(17), .drop))
      var ids = try bench.program.apply(RuleChange([.add(arp), .add(udp), .add(arp)]))
      for round in 1...5 {
        _ = try bench.trial(Self.udp)
        // All in another order, one of two equal ones less, and one anew.
        ids = try bench.program.apply(
          RuleChange([.removeAll, .add(udp), .add(Rule(.icmp, .drop)), .add(arp)]))
        #expect(ids[0].rawValue == 2 && ids[2].rawValue == 1)
        #expect(bench.program.counters(of: ids[0])?.packets == UInt64(round))
        #expect(bench.program.rules.map(\.id) == ids)
        ids = try bench.program.apply(RuleChange([.remove(ids[1]), .remove(ids[0]), .add(udp)]))
        #expect(ids.map(\.rawValue) == [2])
        #expect(bench.program.rules.map(\.id.rawValue) == [1, 2])
      }
      // Gone is gone.
      try bench.program.apply(RuleChange([.remove(ids[0])]))
      ids = try bench.program.apply(RuleChange([.add(udp)]))
      #expect(ids[0].rawValue > 2 && bench.program.counters(of: ids[0])?.packets == 0)
    }
  }

  @Test(arguments: PacketBuilder.Version.allCases, [[], [5], [7, 5]] as [[UInt16]])
  func aFlowIsMatchedAndNoOther(_ version: PacketBuilder.Version, _ tags: [UInt16]) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var builder = PacketBuilder()
      builder.version = version
      builder.vlanTags = tags
      let packet = builder.udp()
      // The packet lives for the length of the call.
      guard let key = unsafe FlowKey(frame: packet.span.bytes) else {
        throw TestKitError("no flow")
      }
      try bench.program.setRules([Rule(.flow(key), .drop)])
      #expect(try bench.trial(packet) == .drop)
      #expect(try bench.trial(builder.tcp()) == .kernel)
      var others = [builder, builder, builder]
      others[0].source.port ^= 1
      others[1].destination.port ^= 1
      others[2].vlanTags = tags.isEmpty ? [9] : Array(tags.dropLast())
      for other in others { #expect(try bench.trial(other.udp()) == .kernel) }
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
      // Those in force are what is counted and shown, before anybody has noticed.
      let counted = bench.program.counters(of: bench.program.rules[0].id)
      #expect(counted.map { $0.packets > 0 } == true)
      #expect(throws: XDPError.self) { try bench.program.confirm() }
      #expect(try bench.trial(Self.arp) == .drop)
    }
  }

  @Test("The same where no packet is looked at, neither before nor after")
  func whatIsNotConfirmedIsUndoneWithoutRulesToAsk() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.everything, .drop)])
      let steps: [RuleChange.Step] = [.removeAll, .add(Rule(.everything, .socket))]
      let start = ContinuousClock.now
      try bench.program.apply(RuleChange(steps, confirmWithin: .seconds(1)))
      let verdict = try bench.trial(Self.arp)
      if ContinuousClock.now - start < .milliseconds(900) { #expect(verdict == .socket) }
      #expect(try Deadline(seconds: 5).wait { try bench.trial(Self.arp) == .drop })
      // Confirmed in time it stays.
      try bench.program.apply(RuleChange(steps, confirmWithin: .seconds(60)))
      #expect(try bench.trial(Self.arp) == .socket)
      try bench.program.confirm()
      #expect(try bench.trial(Self.arp) == .socket)
    }
  }

  @Test("A time to confirm may be as long as one likes")
  func longestTrial() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.arp, .drop)])
      for limit in [Duration.seconds(60 * Int64(UInt32.max)), .seconds(Int64.max)] {
        try bench.program.apply(
          RuleChange([.removeAll, .add(Rule(.arp, .socket))], confirmWithin: limit))
        #expect(try bench.trial(Self.arp) == .socket)
        bench.program.rollBack()
      }
      try bench.program.setHeartbeat(.seconds(Int64.max))
      #expect(try bench.trial(Self.arp) == .drop)
    }
  }

  @Test func whatWasCountedDuringATrialStays() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))[0]
      _ = try bench.trial(Self.arp)
      let before = bench.program.counters(of: id)?.packets ?? 0
      let steps: [RuleChange.Step] = [.replace(id, with: Rule(.arp, .socket))]
      try bench.program.apply(RuleChange(steps, confirmWithin: .seconds(60)))
      _ = try bench.trial(Self.arp)
      let during = bench.program.counters(of: id)?.packets ?? 0
      bench.program.rollBack()
      #expect(before > 0 && during > before)
      #expect(bench.program.counters(of: id)?.packets == during)
      // Also once the place that it was counted in is given up.
      try bench.program.apply(RuleChange([.add(Rule(.icmp, .drop))]))
      #expect(bench.program.counters(of: id)?.packets == during)
    }
  }

  @Test func whatWasCountedDuringATrialStaysAlsoBeforeAnybodyNoticedItsEnd() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))[0]
      _ = try bench.trial(Self.arp)
      let steps: [RuleChange.Step] = [.replace(id, with: Rule(.arp, .socket))]
      try bench.program.apply(RuleChange(steps, confirmWithin: .seconds(1)))
      for _ in 0..<3 { _ = try bench.trial(Self.arp) }
      usleep(1_500_000)
      #expect(bench.program.rules.map(\.rule) == [Rule(.arp, .drop)])
      #expect(bench.program.counters(of: id)?.packets == 4)
    }
  }

  /// Also where the program is loaded anew for links before it is attached.
  @Test(arguments: [true, false]) func aTrialGoesOnWithLinks(isTaken: Bool) async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("near", "far")
      let near = try Interface(named: "near")
      var program = try SteeringProgram(socketCapacity: 8)
      try program.setRules([Rule(.arp, .drop)])
      try program.apply(
        RuleChange([.removeAll, .add(Rule(.arp, .kernel))], confirmWithin: .seconds(60)))
      try program.useLinks()
      try program.attach(to: near, mode: .native)
      #expect(try program.trial(of: Self.arp, interface: near) == .kernel)
      #expect(throws: XDPError.self) { try program.setRules([]) }
      if isTaken { try program.confirm() } else { program.rollBack() }
      #expect(try program.trial(of: Self.arp, interface: near) == (isTaken ? .kernel : .drop))
      // One whose time is over is gone.
      _ = consume program
      var late = try SteeringProgram(socketCapacity: 8)
      try late.setRules([Rule(.arp, .drop)])
      try late.apply(
        RuleChange([.removeAll, .add(Rule(.arp, .kernel))], confirmWithin: .milliseconds(1)))
      usleep(100_000)
      try late.useLinks()
      try late.attach(to: near, mode: .native)
      #expect(try late.trial(of: Self.arp, interface: near) == .drop)
      _ = pair
    }
  }

  @Test func aHeartbeatGoesOnWithLinks() async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("near", "far")
      let near = try Interface(named: "near")
      var program = try SteeringProgram(socketCapacity: 8)
      try program.setRules([Rule(.everything, .drop)])
      try program.setHeartbeat(.milliseconds(1))
      try program.useLinks()
      try program.attach(to: near, mode: .native)
      #expect(
        try Deadline(seconds: 5).wait {
          try program.trial(of: Self.arp, interface: near) == .kernel
        })
      _ = pair
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
  private static func expect(_ action: Action, afterABeatOf bench: borrowing Bench) throws {
    let start = ContinuousClock.now
    bench.program.beat()
    let verdict = try bench.trial(arp)
    if ContinuousClock.now - start < .milliseconds(40) { #expect(verdict == action) }
  }

  /// With rules and without: everything goes to the kernel until the heart beats again.
  @Test(arguments: [
    Rule(.arp, .drop), Rule(.everything, .drop), Rule(.everything, .socket),
  ])
  func withoutAHeartbeatTheKernelHasIt(_ rule: Rule) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([rule])
      try bench.program.setHeartbeat(.milliseconds(60))
      #expect(bench.program.longestSleep == .milliseconds(30))
      for _ in 0..<2 {
        let start = ContinuousClock.now
        try Self.expect(rule.action, afterABeatOf: bench)
        #expect(try Deadline(seconds: 5).wait { try bench.trial(Self.arp) == .kernel })
        #expect(ContinuousClock.now - start > .milliseconds(40))
      }
      let end = ContinuousClock.now + .milliseconds(300)
      while ContinuousClock.now < end { try Self.expect(rule.action, afterABeatOf: bench) }
      #expect(try bench.program.counters(of: bench.near).hung >= 2)
      try bench.program.setHeartbeat(nil)
      #expect(try bench.trial(Self.arp) == rule.action)
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

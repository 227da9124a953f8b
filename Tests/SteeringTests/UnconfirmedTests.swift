import Glibc
import MartletTestKit
import Testing
import XSK

@testable import Steering

/// What has to wait until a change of rules is confirmed.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct UnconfirmedTests {
  static let udp = PacketBuilder().udp()
  static let arp = PacketBuilder().arpRequest()

  /// One whose rules steer UDP to a group of one socket.
  static func makeBench() throws -> Bench {
    var bench = try Bench()
    let slot = try bench.program.slot(interface: bench.near, queue: 0)
    try bench.program.setGroup("video", [slot])
    try bench.program.setRules([Rule(.ipProtocol(17), .group("video"))])
    return bench
  }

  @Test(arguments: [true, false])
  func aGroupThatRulesSteerTo(isTaken: Bool) async throws {
    try await withNetworkNamespace {
      var bench = try Self.makeBench()
      try bench.program.apply(
        RuleChange([.add(Rule(.arp, .drop))], confirmWithin: .seconds(60)))
      let error = refusal { () throws(XDPError) in try bench.program.setGroup("video", []) }
      #expect(error?.kind == .configuration)
      // The group is as it was, whichever rules are in force.
      #expect(try bench.trial(Self.udp) == .socket && bench.trial(Self.arp) == .drop)
      if isTaken { try bench.program.confirm() } else { bench.program.rollBack() }
      #expect(try bench.trial(Self.udp) == .socket)
      try bench.program.setRules([Rule(.arp, .group("video"))])
      #expect(try bench.trial(Self.arp) == .socket)
      try bench.program.setGroup("video", [])
      #expect(try bench.trial(Self.arp) == .kernel)
    }
  }

  @Test("A group that only the rules before steer to keeps its members for them")
  func aGroupThatRulesSteeredTo() async throws {
    try await withNetworkNamespace {
      var bench = try Self.makeBench()
      try bench.program.apply(
        RuleChange([.removeAll, .add(Rule(.arp, .drop))], confirmWithin: .seconds(60)))
      let error = refusal { () throws(XDPError) in try bench.program.setGroup("video", []) }
      #expect(error?.kind == .configuration)
      bench.program.rollBack()
      #expect(try bench.trial(Self.udp) == .socket)
      try bench.program.setGroup("video", [])
      #expect(try bench.trial(Self.udp) == .kernel)
    }
  }

  @Test(
    "Once the time to confirm is over groups and facts can be set, as nothing waits any more",
    arguments: [true, false])
  func overdue(isGroup: Bool) async throws {
    try await withNetworkNamespace {
      var bench = try Self.makeBench()
      try bench.program.apply(
        RuleChange([.add(Rule(.arp, .drop))], confirmWithin: .milliseconds(50)))
      usleep(500_000)
      #expect(bench.program.rules.count == 1)
      if isGroup {
        try bench.program.setGroup("video", [])
      } else {
        try bench.program.setFacts(true)
      }
      #expect(try bench.trial(Self.udp) == (isGroup ? .kernel : .socket))
    }
  }

  @Test("The rules before are in force some ticks after the time is over, not only long after")
  func deadline() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.arp, .drop)])
      let before = bench.program.word
      try bench.program.setRules([Rule(.arp, .socket)])
      let clock = try JiffiesClock()
      bench.program.object.settings.setFallback(before, deadline: clock.ticks + 10_000)
      #expect(try bench.trial(Self.arp) == .socket)
      // The clock may be ahead by two.
      bench.program.object.settings.setFallback(before, deadline: clock.ticks - 3)
      #expect(try bench.trial(Self.arp) == .drop)
    }
  }

  @Test func facts() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.arp, .drop)])
      try bench.program.apply(
        RuleChange([.removeAll, .add(Rule(.arp, .socket))], confirmWithin: .seconds(60)))
      let error = refusal { () throws(XDPError) in try bench.program.setFacts(true) }
      #expect(error?.kind == .configuration && !bench.program.writesFacts)
      #expect(try bench.trial(Self.arp) == .socket)
      bench.program.rollBack()
      #expect(try bench.trial(Self.arp) == .drop)
    }
  }
}

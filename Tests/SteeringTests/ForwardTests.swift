import CXDP
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// Where packets of `forward` and `back` would be lost: they go to the kernel, or the rule is
/// refused.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ForwardTests {
  /// A cable to forward into, whose other end takes what comes.
  struct Lane {
    let end: TrafficProgram
    let rule: Rule

    init(_ near: String = "out", _ far: String = "next") throws {
      _ = try VethPair(near, far)
      end = try TrafficProgram(.pass)
      try end.attach(to: far)
      let rewrite = Forwarding.Rewrite(
        source: MACAddress(2, 0, 0, 0, 1, 1), destination: MACAddress(2, 0, 0, 0, 1, 2))
      let forwarding = Forwarding(to: InterfaceName(near), rewrite: rewrite, decrementsTTL: true)
      rule = Rule(.ipProtocol(17), .forward(forwarding))
    }
  }

  static let udp = ActionTests.udp

  @Test(
    "What was meant for an interface that vanished goes to the kernel as it came",
    arguments: [AttachMode.native, .generic], [false, true])
  func vanished(_ mode: AttachMode, _ writesFacts: Bool) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1, mode: mode)
      let lane = try Lane()
      try bench.program.setRules([lane.rule])
      // Another of the programs has the same map.
      try bench.program.setFacts(writesFacts)
      #expect(try bench.trial(Self.udp) == .socket)
      let (far, next) = (try PacketTap(bench.pair.far), try PacketTap("next"))
      try far.send(Self.udp)
      let forwarded = try next.receive(1, timeout: .seconds(5)) { $0.suffix(3) == [1, 2, 3] }
      #expect(forwarded.first?.prefix(6) == [2, 0, 0, 0, 1, 2])
      let before = try bench.program.counters(of: bench.near)
      #expect(before.forwarded == 2)

      try runProgram(["ip", "link", "del", "out"])
      #expect(try bench.trial(Self.udp) == .kernel)
      let near = try PacketTap("near")
      try far.send(Self.udp)
      let passed = try near.receive(1, timeout: .seconds(5)) { $0.suffix(3) == [1, 2, 3] }
      #expect(passed == [Self.udp])
      let counters = try bench.program.counters(of: bench.near)
      #expect(counters.forwarded == 2 && counters.kernel == before.kernel + 2)
    }
  }

  @Test("An interface is found anew when its rule is put in force anew")
  func comesAgain() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let lane = try Lane()
      try bench.program.setRules([lane.rule])
      try runProgram(["ip", "link", "del", "out"])
      // Whatever else is changed, its rule stays as it is.
      try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))
      #expect(try bench.trial(Self.udp) == .kernel)
      let second = try Lane()
      #expect(try bench.trial(Self.udp) == .kernel)
      try bench.program.setRules([second.rule])
      #expect(try bench.trial(Self.udp) == .socket)
    }
  }

  @Test("The program finds what rules name, as long as packets may be looking at them")
  func namedOnly() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let lanes = [try Lane(), try Lane("other", "last")]
      let interfaces = [try Interface(named: "out"), try Interface(named: "other")]
      try bench.program.setRules([lanes[0].rule])
      let descriptor = bench.program.engine?.descriptor(of: ForwardTargets.mapName)
      let map = try #require(descriptor)
      #expect(Self.finds(interfaces[0], in: map) && !Self.finds(interfaces[1], in: map))
      try bench.program.setRules([lanes[1].rule])
      #expect(Self.finds(interfaces[1], in: map))
      // The kernel says some ticks later that nobody looks at the rules before any more.
      for _ in 0..<100 where Self.finds(interfaces[0], in: map) {
        try bench.program.setRules([lanes[1].rule])
      }
      #expect(!Self.finds(interfaces[0], in: map) && Self.finds(interfaces[1], in: map))
      #expect(try bench.trial(Self.udp) == .socket)
      try bench.program.setRules([lanes[0].rule])
      #expect(try bench.trial(Self.udp) == .socket)
    }
  }

  @Test("Nothing is sent back to a veth that nobody would wake")
  func backNeedsAProgram() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      // It polls, so that frames are taken, and then lie there.
      try runProgram(["ethtool", "-K", "far", "gro", "on"])
      let back = Rule(.ipProtocol(17), .back)
      let found = refusal { () throws(XDPError) in try bench.program.setRules([back]) }
      #expect(found?.kind == .configuration && found?.operation == "send back on near")
      #expect(found?.remedy.contains("attach an XDP program to far") == true)
      #expect(bench.program.rules.isEmpty)

      let end = try TrafficProgram(.pass)
      try end.attach(to: "far", isGeneric: true)
      #expect(refusal { () throws(XDPError) in try bench.program.setRules([back]) } != nil)
      end.detach()
      try end.attach(to: "far")
      try bench.program.setRules([back])
      #expect(try bench.trial(Self.udp) == .back)
      let far = try PacketTap("far")
      try far.send(Self.udp)
      let returned = try far.receive(1, timeout: .seconds(5)) { $0.suffix(3) == [1, 2, 3] }
      #expect(returned.count == 1)
    }
  }

  @Test("A rule that sends back is about the interfaces that it names")
  func backWhereItIsMeant() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let end = try TrafficProgram(.pass)
      try end.attach(to: "far")
      let elsewhere = try NetworkNamespace()
      for (name, namespace) in [("other", nil), ("away", elsewhere)] {
        _ = try VethPair(name, "end-\(name)") { $0.farNamespace = namespace }
      }
      let (other, away) = (try Interface(named: "other"), try Interface(named: "away"))
      let back = Rule(.ipProtocol(17), .back)
      // Nobody can see the end of this one.
      try bench.program.attach(to: away, mode: .native)
      try bench.program.setRules([back])
      let found = refusal { () throws(XDPError) in
        try bench.program.attach(to: other, mode: .native)
      }
      #expect(found?.operation == "send back on other")
      #expect(bench.program.attachment(to: other) == nil)
      // The stack takes what is sent in generic mode.
      try bench.program.attach(to: other, mode: .generic)
      bench.program.detach(from: other)
      var named = back
      for condition in [Condition.is("near"), .is(InterfaceName(bench.near)), .not("other")] {
        named.match.interface = condition
        try bench.program.setRules([named])
        try bench.program.attach(to: other, mode: .native)
        bench.program.detach(from: other)
      }
      named.match.interface = .not("near")
      try bench.program.setRules([named])
      #expect(
        refusal { () throws(XDPError) in try bench.program.attach(to: other, mode: .native) }
          != nil)
    }
  }

  /// Whether the program finds an interface to forward to.
  private static func finds(_ interface: Interface, in map: Int32) -> Bool {
    var key = interface.index
    var value: UInt32 = 0
    // The kernel reads four bytes, and writes as many.
    return unsafe bpf_map_lookup_elem(map, &key, &value) == 0
  }
}

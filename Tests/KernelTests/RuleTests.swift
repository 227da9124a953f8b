import Expectations
import Glibc
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct EngineRuleTests {
  @Test("Rules as text steer to named ports, are counted and explained")
  func rulesAsText() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.setGroup("video", ports: [port])
      let text = "udp dst port 4789 and src net 192.0.2.0/24 -> group video\narp -> drop"
      let ids = try engine.apply(try RuleText.parseChange(text))
      let wanted = (0..<20).map { datagram(number: $0) }
      for packet in wanted {
        try tap.send(packet)
        try tap.send(datagram(number: 99, port: 4790))
      }
      expectSame(try engine.collect(20, from: port), wanted)
      let counters = engine.counters(of: ids[0])
      expectEqual(counters?.packets ?? 0, 20)
      let explanation = try engine.explain(datagram(number: 1, port: 4790), at: port)
      #expect(explanation.winner == nil)
      #expect(explanation.rules.first?.outcome == .differs([.destinationPort]))
      let names = engine.rules.map(\.rule.description)
      #expect(names.last == "arp -> drop")
    }
  }

  @Test("An application that hangs leaves its packets to the kernel; one that waits does not")
  func heartbeat() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      let kernel = try PacketTap("near")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      try engine.setHeartbeat(.milliseconds(500))
      // Idle for several times the limit, in one `wait` after the other.
      let end = ContinuousClock.now + .milliseconds(1500)
      while ContinuousClock.now < end { expect(try engine.wait(timeout: .seconds(5))) }
      try tap.send(datagram(number: 1))
      expectSame(try engine.collect(1, from: port), [datagram(number: 1)])
      // Hanging: what is sent by then is the kernel's.
      var arrived: [UInt8]?
      let patience = ContinuousClock.now + .seconds(5)
      while arrived == nil, ContinuousClock.now < patience {
        try tap.send(datagram(number: 2))
        arrived = try kernel.receive(timeout: .milliseconds(20))
      }
      #expect(arrived == datagram(number: 2))
    }
  }

  @Test("The heart beats behind the sleep too: what is done then has the whole limit")
  func beatBehindSleep() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      try engine.setHeartbeat(.seconds(2))
      // What changed wakes it once; then it sleeps for half of the limit.
      let start = ContinuousClock.now
      while ContinuousClock.now - start < .milliseconds(900) {
        expect(try engine.wait(timeout: .seconds(5)))
      }
      // Longer than the limit since the sleep began, and shorter since it ended.
      let end = ContinuousClock.now
      usleep(1_400_000)
      try tap.send(datagram(number: 1))
      // Unless this thread had to wait for so long that the heart counts as stopped.
      guard ContinuousClock.now - end < .milliseconds(1900) else { return }
      expectSame(try engine.collect(1, from: port), [datagram(number: 1)])
    }
  }
}

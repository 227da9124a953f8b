import Expectations
import Glibc
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Traffic of other people's programs across a forwarder.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct ThroughTests {
  @Test("A file crosses over TCP and is the same", arguments: [ModeRequest.copy, .generic])
  func file(_ mode: ModeRequest) async throws {
    try await withNetworkNamespace {
      let crossing = try Crossing()
      let forwarder = try RunningForwarder("left", "right", mode: mode)
      // A pattern that repeats in no power of two.
      let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 % 251 ^ $0 >> 12) }
      let received = try crossing.transfer(content)
      #expect(received.count == content.count)
      #expect(received == content)
      let outcome = try forwarder.finish()
      #expect(outcome.error == nil && outcome.disagreement == nil)
      #expect(outcome.ledger.held + outcome.ledger.received == 0)
    }
  }

  @Test("Address resolution crosses: ARP is learned end to end")
  func arp() async throws {
    try await withNetworkNamespace {
      let crossing = try Crossing()
      let forwarder = try RunningForwarder("left", "right")
      try crossing.waitForPassage()
      let learned = try crossing.client.run {
        try runProgram(["ip", "neighbour", "show", Crossing.serverAddress, "dev", "client"])
      }
      let link = try crossing.server.run {
        try runProgram(["ip", "link", "show", "dev", "server"])
      }
      let words = learned.split(separator: " ")
      let place = try #require(words.firstIndex(of: "lladdr"))
      #expect(link.contains(words[place + 1]))
      #expect(try forwarder.finish().disagreement == nil)
    }
  }

  @Test("Neighbour discovery and echoes cross over IPv6")
  func neighbourDiscovery() async throws {
    guard fileExists("/proc/sys/net/ipv6") else { return }
    try await withNetworkNamespace {
      let crossing = try Crossing(ipv6: true)
      let forwarder = try RunningForwarder("left", "right")
      let answers = try crossing.client.run {
        try ping(Crossing.serverAddress6, count: 3, timeout: 5)
      }
      #expect(answers == 3)
      let learned = try crossing.client.run {
        try runProgram(["ip", "-6", "neighbour", "show", Crossing.serverAddress6, "dev", "client"])
      }
      #expect(learned.contains("lladdr"))
      #expect(try forwarder.finish().disagreement == nil)
    }
  }

  @Test("10,000 echoes: every one comes back")
  func tenThousandEchoes() async throws {
    try await withNetworkNamespace {
      let crossing = try Crossing()
      // Debug builds audit all of the memory on every turn: less of it, more echoes.
      var configuration = Engine.Configuration.transparent
      configuration.memory = 512 << 11
      let forwarder = try RunningForwarder("left", "right", configuration: configuration)
      try crossing.waitForPassage()
      #expect(try crossing.flood(count: 10_000) == 10_000)
      let outcome = try forwarder.finish()
      #expect(outcome.error == nil && outcome.disagreement == nil)
      for report in outcome.reports {
        #expect(report.received.packets >= 10_000 && report.sent.packets >= 10_000)
        #expect(report.lostPackets == 0)
      }
    }
  }

  @Test("Killed under traffic and started again at once: packets pass again, twice")
  func killed() async throws {
    try await withNetworkNamespace {
      let crossing = try Crossing()
      let flood = try crossing.client.run { try Flood("client") }
      var forwarder = try crossing.startForward()
      for _ in 0..<2 {
        forwarder.signal(SIGKILL)
        #expect(try forwarder.wait(timeout: patience) == .signalled(SIGKILL))
        forwarder = try crossing.startForward()
      }
      try flood.finish()
      forwarder.signal(SIGTERM)
      #expect(try forwarder.wait(timeout: patience) == .exited(0))
      try expectNothingAttached(to: "left", "right")
    }
  }

  @Test("A sink that reads nothing loses what does not fit, counts it, and goes on")
  func lossesAreCounted() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var configuration = Engine.Configuration()
      configuration.fillDepth = 128
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      try tap.send(numbered(500))
      expectSame(try engine.collect(128, from: port), numbered(128))
      let report = engine.report(of: port)
      expectEqual(report.dropped.fillEmpty, 372)
      expectEqual(report.dropped.tooLong, 0)
      expectEqual(report.received.packets, 128)
      try tap.send(numbered(100, first: 1000))
      expectSame(try engine.collect(100, from: port), numbered(100, first: 1000))
      engine.expectConserved()
    }
  }
}

private func fileExists(_ path: String) -> Bool {
  // A C string for the length of the call.
  unsafe access(path, F_OK) == 0
}

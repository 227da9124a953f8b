import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// An engine that is asked to poll the driver, on a device whose driver may not be polled: veth
/// does not tell the kernel which of its parts serves which queue.
///
/// Where it may, tools/zero-copy has the scenarios busy-poll and busy-poll-killed.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(2)))
struct BusyPollTests {
  @Test("Every packet comes, both ways, and the report says what was got")
  func polls() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var configuration = Engine.Configuration()
      configuration.isBusyPolling = true
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      expectEqual(engine.report(of: port).polling, .unnamed)
      let packets = numbered(1000)
      for start in stride(from: 0, to: 1000, by: 100) {
        try tap.send(Array(packets[start..<start + 100]))
        expectSame(try engine.collect(100, from: port), Array(packets[start..<start + 100]))
      }
      try engine.transmit(packets, to: port)
      expectSame(try engine.collect(1000, by: tap), packets)
      engine.expectConserved()
      switch engine.report(of: port).polling {
      case .unnamed: #expect(KernelVersion.running >= KernelVersion(6, 14))
      case .interrupted: #expect(KernelVersion.running < KernelVersion(6, 13))
      case .deferred: #expect(KernelVersion.running >= KernelVersion(6, 13))
      case .off: Issue.record("nobody polls")
      }
    }
  }

  @Test("Who polls does not sleep, and still sees stop")
  func stops() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.isBusyPolling = true
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      let begin = ContinuousClock.now
      for _ in 0..<600 {
        expect(try engine.wait(timeout: .seconds(60)))
        while let frame = engine.receive(from: port) { engine.release(frame) }
      }
      expect(ContinuousClock.now - begin < .seconds(30))
      engine.stop()
      expect(try !engine.wait())
    }
  }

  @Test("Who is not asked to does not poll")
  func off() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      expectEqual(engine.report(of: port).polling, .off)
    }
  }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Losses are counted by their cause.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct StatisticsTests {
  @Test("Packets longer than a chunk holds: too_long, and nothing else")
  func tooLong() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      // The MTU grows after the port was bound: nothing could refuse it.
      for end in ["near", "far"] { try runProgram(["ip", "link", "set", end, "mtu", "3000"]) }
      let packets = [100, 1792, 1793, 2500, 64].enumerated().map {
        frame(number: $0.offset, length: $0.element)
      }
      try PacketTap("far").send(packets)
      expectSame(try engine.collect(3, from: port), [packets[0], packets[1], packets[4]])
      let dropped = engine.report(of: port).dropped
      expectEqual(dropped.tooLong, 2)
      expectEqual(dropped.fillEmpty, 0)
      expectEqual(dropped.receiveRingFull, 0)
      engine.expectConserved()
    }
  }

  @Test("No frame to receive into: fill_empty, and nothing else")
  func fillEmpty() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.fillDepth = 16
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      try PacketTap("far").send(numbered(100))
      expectSame(try engine.collect(16, from: port), numbered(16))
      let dropped = engine.report(of: port).dropped
      expectEqual(dropped.fillEmpty, 84)
      expectEqual(dropped.tooLong, 0)
      expectEqual(dropped.receiveRingFull, 0)
      engine.expectConserved()
    }
  }

  @Test("A transmit ring that is full and cannot be emptied: tx_full, and the frames come home")
  func transmitFull() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.ringSize = 64
      configuration.fillDepth = 64
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try runProgram(["ip", "link", "set", "dev", "near", "down"])
      try engine.transmit(numbered(100), to: port)
      let report = engine.report(of: port)
      expectEqual(report.dropped.transmitFull, 36)
      engine.expectConserved()
      try runProgram(["ip", "link", "set", "dev", "near", "up"])
      try engine.waitForCompletions()
      expectEqual(engine.report(of: port).sent.packets, 64)
      engine.expectConserved()
    }
  }
}

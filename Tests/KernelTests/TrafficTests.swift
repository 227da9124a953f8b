import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct TrafficTests {
  /// A way of binding that every kind of traffic must survive.
  struct Setting: CustomTestStringConvertible, Sendable {
    let mode: ModeRequest
    let chunkSize: Int

    var testDescription: String { "\(mode.rawValue), chunks of \(chunkSize)" }

    var configuration: Engine.Configuration {
      var configuration = Engine.Configuration()
      configuration.chunkSize = chunkSize
      return configuration
    }

    static let all = [ModeRequest.copy, .generic].flatMap { mode in
      [2048, 4096].map { Setting(mode: mode, chunkSize: $0) }
    }
  }

  @Test("A single packet in, a single packet out", arguments: Setting.all)
  func singlePacket(_ setting: Setting) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine(setting.configuration)
      let port = try engine.bind("near", queue: 0, mode: setting.mode)
      try engine.steer(.everything)

      let inward = frame(number: 7, length: 100)
      try tap.send(inward)
      expectSame(try engine.collect(1, from: port), [inward])

      let outward = frame(number: 8, length: 90)
      try engine.transmit([outward], to: port)
      expectSame(try tap.collect(1), [outward])

      try engine.waitForCompletions()
      let report = engine.report(of: port)
      expectEqual(report.received.packets, 1)
      expectEqual(report.received.bytes, 100)
      expectEqual(report.sent.packets, 1)
      expectEqual(report.sent.bytes, 90)
      expectEqual(report.lostPackets, 0)
      expectEqual(report.untrusted, 0)
      engine.expectConserved()
    }
  }

  @Test("Every length from 64 to 1,514 arrives and leaves as it was", arguments: Setting.all)
  func lengths(_ setting: Setting) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine(setting.configuration)
      let port = try engine.bind("near", queue: 0, mode: setting.mode)
      try engine.steer(.everything)

      let lengths = Array(stride(from: 64, to: 1514, by: 29)) + [1513, 1514]
      let packets = lengths.enumerated().map { frame(number: $0.offset, length: $0.element) }
      try tap.send(packets)
      expectSame(try engine.collect(packets.count, from: port), packets)
      try engine.transmit(packets, to: port)
      expectSame(try tap.collect(packets.count), packets)
      try engine.waitForCompletions()
      engine.expectConserved()
    }
  }

  @Test("More packets than rings hold entries, in order, in both directions at once")
  func longRun() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.memory = 256 << 11
      configuration.ringSize = 64
      configuration.fillDepth = 64
      configuration.burst = 16
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let tap = try PacketTap("far")
      for round in 0..<30 {
        let packets = numbered(50, length: 120, first: round * 50)
        try tap.send(packets)
        try engine.transmit(packets, to: port)
        expectSame(try engine.collect(50, from: port), packets)
        expectSame(try tap.collect(50), packets)
      }
      try engine.waitForCompletions()
      let report = engine.report(of: port)
      expectEqual(report.received.packets, 1500)
      expectEqual(report.sent.packets, 1500)
      expectEqual(report.lostPackets, 0)
      engine.expectConserved()
    }
  }

  @Test("Headroom is left free in front of every packet")
  func headroom() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.headroom = 192
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let packets = numbered(40, length: 1514)
      try PacketTap("far").send(packets)
      var received: [[UInt8]] = []
      while received.count < packets.count, try engine.wait(timeout: patience) {
        while let frame = engine.receive(from: port) {
          // The kernel's own 256 bytes and ours.
          expectEqual(frame.address % 2048, 256 + 192)
          received.append(engine.content(of: frame))
          engine.release(frame)
        }
      }
      expectSame(received, packets)
    }
  }

  @Test("A packet too long for what headroom leaves is refused when the port is bound")
  func headroomTooLarge() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.headroom = 512
      var engine = try Engine(configuration)
      let error = refusal(&engine, "near")
      #expect(error?.kind == .packetTooLong)
      #expect(error?.description.contains("chunks of 4096 bytes") == true)
    }
  }

  @Test("A frame that was received is changed in place and sent back")
  func rewrite() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let packets = numbered(100, length: 300)
      try tap.send(packets)
      var count = 0
      while count < packets.count, try engine.wait(timeout: patience) {
        while var frame = engine.receive(from: port) {
          var bytes = engine.mutableBytes(of: &frame)
          bytes.storeBytes(of: 0xEE, toByteOffset: 299, as: UInt8.self)
          engine.send(frame, to: port)
          count += 1
        }
      }
      expectSame(try tap.collect(packets.count), packets.map { $0.dropLast() + [0xEE] })
      try engine.waitForCompletions()
      engine.expectConserved()
    }
  }
}

/// The error of a bind that must fail; nil, and an issue, if it does not.
func refusal(
  _ engine: inout Engine, _ interface: String, queue: Int = 0, mode: ModeRequest = .auto,
  at location: SourceLocation = #_sourceLocation
) -> XDPError? {
  do throws(XDPError) {
    _ = try engine.bind(interface, queue: queue, mode: mode)
  } catch {
    return error
  }
  Issue.record("binding \(interface) queue \(queue) should fail", sourceLocation: location)
  return nil
}

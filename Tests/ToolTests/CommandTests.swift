import MartletTestKit
import Testing

@Suite(
  "reflect, sink and generate", .enabled(if: sockets.isExpected, needsSockets),
  .timeLimit(.minutes(2)))
struct CommandTests {
  @Test func reflectSwapsTheAddresses() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("reflect", "left", "--json")
      #expect(tool.errorLines[0].hasPrefix("martlet: reflecting on left, 1 queue, copy ("))
      let frames = oddFrames()
      try wires.left.send(frames)
      let returned = try wires.left.receive(frames.count, timeout: .seconds(10))
      #expect(returned == frames.map { Array($0[6..<12] + $0[0..<6] + $0[12...]) })
      let report = try tool.stop()
      #expect(report["ports"]?.elements.count == 1)
      #expect(try report.packets(0, "received") == frames.count)
      #expect(try report.packets(0, "sent") == frames.count)
      #expect(try report.drops(0) == [:])
    }
  }

  @Test func sinkCountsAndKeepsNothing() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("sink", "left", "--json")
      #expect(
        tool.errorLines[0].hasPrefix("martlet: sinking what arrives on left, 1 queue, copy ("))
      // As many as the fill ring of such a memory has room for at once.
      let frames = numberedFrames(500)
      try wires.left.send(frames)
      try waitForPackets(frames.count, at: "left")
      let report = try tool.stop()
      #expect(try report.packets(0, "received") == frames.count)
      #expect(try report.bytes(0, "received") == frames.joined().count)
      #expect(try report.packets(0, "sent") == 0)
      #expect(try report.drops(0) == ["verdict": frames.count])
    }
  }

  @Test(
    "generate sends what it was told to",
    arguments: [
      (size: 42, count: 5, flows: 1), (size: 60, count: 1000, flows: 7),
      (size: 61, count: 99, flows: 100), (size: 1514, count: 300, flows: 2),
    ])
  func generates(size: Int, count: Int, flows: Int) async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool([
        "generate", "left", "--json", "--size", "\(size)", "--count", "\(count)", "--flows",
        "\(flows)", "--source-port", "5000", "--destination-port", "6000",
        "--source-mac", "02:00:00:00:00:01", "--destination-mac", "02:00:00:00:00:02",
        "--source-ip", "192.0.2.1", "--destination-ip", "192.0.2.2",
      ])
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(0))
      #expect(tool.errorLines.count == 1)
      #expect(
        tool.errorLines.first?.hasPrefix("martlet: generating on left, 1 queue, copy (") == true)
      let report = try tool.report()
      #expect(try report.packets(0, "sent") == count)
      #expect(try report.bytes(0, "sent") == count * size)
      #expect(try report.drops(0) == [:])
      let frames = try wires.left.receive(count + 1, timeout: .milliseconds(200))
      #expect(frames == (0..<count).map { Self.datagram(size: size, flow: $0 % flows) })
    }
  }

  /// The packet of a flow, made without the library.
  private static func datagram(size: Int, flow: Int) -> [UInt8] {
    var builder = PacketBuilder()
    builder.source.port = 5000 + UInt16(flow)
    builder.destination.port = 6000
    var frame = builder.udp(payload: [UInt8](repeating: 0, count: size - 42))
    // The kernel must not fragment it (DF), which is in the header's checksum.
    frame[20] = 0x40
    let sum = internetChecksum(Array(frame[14..<24] + [0, 0] + frame[26..<34]))
    frame[24] = UInt8(sum >> 8)
    frame[25] = UInt8(sum & 0xFF)
    return frame
  }

  @Test func generateKeepsToItsRateAndLeavesTheRestToTheKernel() async throws {
    try await withNetworkNamespace {
      let far = try NetworkNamespace()
      _ = try VethPair("left", "far") {
        $0.farNamespace = far
        $0.nearAddress = "10.0.0.1/24"
        $0.farAddress = "10.0.0.2/24"
      }
      let tool = try Tool.started(
        "generate", "left", "--json", "--rate", "2000", "--seconds", "1")
      // Received packets are not the tool's: ping is answered by the kernel meanwhile.
      try far.run { try runProgram(["ping", "-c", "1", "-w", "10", "10.0.0.1"]) }
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(0))
      let sent = try tool.report().packets(0, "sent")
      #expect((1000...2001).contains(sent))
    }
  }

  @Test func generateAsFastAsItGoesDropsNothing() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("generate", "left", "--json", "--count", "20000")
      #expect(try tool.process.wait(timeout: .seconds(60)) == .exited(0))
      let report = try tool.report()
      #expect(try report.packets(0, "sent") == 20000)
      #expect(try report.drops(0) == [:])
      #expect(try wires.left.receive(20000, timeout: .seconds(10)).count == 20000)
      #expect(try wires.left.dropCount() == 0)
    }
  }
}

/// Waits until the XDP program of an interface has seen so many packets.
private func waitForPackets(_ count: Int, at interface: String) throws {
  let end = ContinuousClock.now + .seconds(10)
  let wanted = "rx_queue_0_xdp_packets: \(count)"
  while try !runProgram(["ethtool", "-S", interface]).contains(wanted) {
    try #require(ContinuousClock.now < end, "not \(count) packets at \(interface) after 10 s")
  }
}

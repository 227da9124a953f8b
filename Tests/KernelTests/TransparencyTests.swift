import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// A forwarder is a wire: every frame that arrives leaves as it was.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct TransparencyTests {
  /// Frames that a kernel's stack would drop, answer or change.
  private static let frames: [[UInt8]] = {
    var builder = PacketBuilder()
    builder.vlanTags = [5]
    var frames = [builder.udp(payload: [1, 2, 3]), builder.arpRequest(), builder.tcp()]
    builder.vlanTags = [7 << 13 | 100, 200]
    frames += [builder.icmpEcho(payload: [9])]
    builder.vlanTags = []
    builder.version = .v6
    frames += [builder.udp(payload: [4]), builder.icmpEcho()]
    builder.version = .v4
    frames += [builder.arpRequest(), builder.arpReply(), builder.icmpEcho(), builder.tcp()]
    // Time to live 0, a wrong checksum, a length beyond the frame, a header cut short, no header.
    builder.timeToLive = 0
    frames += [builder.udp(payload: [5])]
    var broken = builder.udp(payload: [6])
    broken[24] ^= 0xFF
    frames += [broken]
    broken[16] = 0xFF
    frames += [broken, builder.ethernet(type: 0x0800, payload: [0x45, 0, 0])]
    frames += [builder.ethernet(type: 0x86DD, payload: [])]
    // LLC: below 0x600 the field is a length. LLDP goes to an address that bridges keep.
    frames += [builder.ethernet(type: 3, payload: [0x42, 0x42, 3])]
    builder.destination.mac = [0x01, 0x80, 0xC2, 0, 0, 0x0E]
    frames += [builder.ethernet(type: 0x88CC, payload: [2, 7, 4, 0, 1, 2, 3, 4, 5, 0, 0])]
    // The least and the most that Ethernet carries, with and without a tag.
    frames += [frame(number: 1, length: 14), frame(number: 2, length: 60)]
    frames += [frame(number: 3, length: 1514)]
    builder.vlanTags = [6]
    frames += [builder.ethernet(type: experimental, payload: [UInt8](repeating: 7, count: 1500))]
    return frames
  }()

  @Test(
    "Every kind of frame passes unchanged, in both directions",
    arguments: [
      ModeRequest.copy, .generic,
    ])
  func everyKind(_ mode: ModeRequest) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client")
      _ = try VethPair("right", "server")
      let client = try PacketTap("client")
      let server = try PacketTap("server")
      let forwarder = try RunningForwarder("left", "right", mode: mode)
      try client.send(Self.frames)
      expectSame(try server.receive(Self.frames.count, timeout: patience), Self.frames)
      try server.send(Self.frames)
      expectSame(try client.receive(Self.frames.count, timeout: patience), Self.frames)
      let outcome = try forwarder.finish()
      #expect(outcome.disagreement == nil)
      #expect(outcome.reports.allSatisfy { $0.lostPackets == 0 })
    }
  }

  @Test("Promiscuous mode and offloads are set while it runs, and put back")
  func settings() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client")
      _ = try VethPair("right", "server")
      // One interface strips tags, the other does not: each gets back what it had.
      try runProgram(["ethtool", "-K", "left", "rxvlan", "on"])
      let before = try ["left", "right"].map(features(of:))
      #expect(before[0].contains("rx-vlan-offload: on"))
      #expect(before[1].contains("rx-vlan-offload: off"))
      let forwarder = try RunningForwarder("left", "right")
      for name in ["left", "right"] {
        #expect(try features(of: name).contains("rx-vlan-offload: off"))
        #expect(try features(of: name).contains { $0.hasPrefix("rx-vlan-stag-hw-parse: off") })
        #expect(try runProgram(["ip", "-d", "link", "show", name]).contains("promiscuity 1 "))
      }
      _ = try forwarder.finish()
      #expect(try ["left", "right"].map(features(of:)) == before)
      try expectNothingAttached(to: "left", "right")
    }
  }

  @Test("An engine that is not asked to be transparent touches no setting")
  func untouched() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let before = try features(of: "near")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      #expect(try runProgram(["ip", "-d", "link", "show", "near"]).contains("promiscuity 0 "))
      let changed = try features(of: "near").difference(from: before)
      // The driver itself turns GRO on and off with native XDP.
      #expect(changed.allSatisfy { "\($0)".contains("generic-receive-offload") }, "\(changed)")
      expectEqual(engine.report(of: port).state, .up)
    }
  }
}

/// What `ethtool -k` says that may be changed, apart from what XDP itself changes.
private func features(of interface: String) throws -> [String] {
  try runProgram(["ethtool", "-k", interface]).split(separator: "\n").map {
    $0.drop { $0 == "\t" }.description
  }
}

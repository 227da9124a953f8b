import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct SteerTests {
  @Test("Before anything is steered, everything is the kernel's")
  func nothingSteered() async throws {
    try await withNetworkNamespace {
      let far = try makeNeighbour()
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      #expect(try far.run { try ping(count: 2, timeout: 5) } == 2)
      expect(try engine.wait(timeout: .zero))
      expect(engine.receive(from: port) == nil)
      expectEqual(engine.report(of: port).received.packets, 0)
    }
  }

  @Test("One flow is steered: it comes here, and the kernel still answers echoes")
  func oneFlow() async throws {
    try await withNetworkNamespace {
      let far = try makeNeighbour()
      let tap = try far.run { try PacketTap("far") }
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.udp(destinationPort: 4789), to: port)
      let wanted = (0..<20).map { datagram(number: $0) }
      for packet in wanted {
        try tap.send(packet)
        try tap.send(datagram(number: 99, port: 4790))
      }
      expectSame(try engine.collect(20, from: port), wanted)
      #expect(try far.run { try ping(count: 5, timeout: 5) } == 5)
      expect(try engine.wait(timeout: .zero))
      expect(engine.receive(from: port) == nil)
      expectEqual(engine.report(of: port).received.packets, 20)
    }
  }

  @Test("What is left to the kernel stays there, whatever later rules take")
  func leftToKernel() async throws {
    try await withNetworkNamespace {
      let far = try makeNeighbour()
      let tap = try far.run { try PacketTap("far") }
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.leaveToKernel(.arp)
      try engine.leaveToKernel(.icmp)
      try engine.steer(.everything)
      #expect(try far.run { try ping(count: 5, timeout: 5) } == 5)
      let rest = numbered(5) + [datagram(number: 1), PacketBuilder().tcp()]
      try tap.send(rest)
      expectSame(try engine.collect(rest.count, from: port), rest)
      expectEqual(engine.report(of: port).received.packets, UInt64(rest.count))
    }
  }

  /// A rule, and what it must take out of all kinds of packets.
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let match: Match
    let isWanted: @Sendable (String) -> Bool
  }

  static let cases = [
    Case(testDescription: "ARP", match: .arp) { $0.hasPrefix("arp") },
    Case(testDescription: "ICMP", match: .icmp) { $0.hasPrefix("icmp4") },
    Case(testDescription: "ICMPv6", match: .icmpv6) { $0.hasPrefix("icmp6") },
    Case(testDescription: "UDP port", match: .udp(destinationPort: 7)) { $0.hasPrefix("udp7") },
    Case(testDescription: "TCP port", match: .tcp(destinationPort: 80)) { $0.hasPrefix("tcp80") },
    Case(testDescription: "EtherType", match: .etherType(experimental)) { $0 == "other" },
    Case(
      testDescription: "UDP port to an IPv4 address",
      match: .udp(destinationPort: 7).to(IPv4Address(192, 0, 2, 9))
    ) { $0 == "udp7 to 9" },
    Case(
      testDescription: "everything to an IPv4 address",
      match: Match.everything.to(IPv4Address(192, 0, 2, 9))
    ) { $0 == "udp7 to 9" },
  ]

  /// Packets of all kinds, by name.
  private static let packets: [(name: String, bytes: [UInt8])] = {
    var builder = PacketBuilder()
    var all = [
      ("arp", builder.arpRequest()), ("icmp4", builder.icmpEcho()), ("tcp0", builder.tcp()),
      ("other", frame(number: 1, length: 60)),
    ]
    builder.destination.port = 7
    all += [("udp7", builder.udp(payload: [1])), ("tcp7", builder.tcp())]
    builder.vlanTags = [5]
    all += [("udp7 tagged", builder.udp(payload: [2]))]
    builder.vlanTags = []
    builder.destination.port = 80
    all += [("tcp80", builder.tcp(payload: [3])), ("udp80", builder.udp())]
    builder.version = .v6
    all += [("tcp80 over 6", builder.tcp(payload: [4])), ("icmp6", builder.icmpEcho())]
    builder.version = .v4
    builder.destination.port = 7
    builder.destination.ipv4[3] = 9
    return all + [("udp7 to 9", builder.udp(payload: [5]))]
  }()

  @Test("A rule takes what it names and nothing else", arguments: cases)
  func matches(_ rule: Case) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      let kernel = try PacketTap("near")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(rule.match, to: port)
      try tap.send(Self.packets.map(\.bytes))
      let wanted = Self.packets.filter { rule.isWanted($0.name) }.map(\.bytes)
      let others = Self.packets.filter { !rule.isWanted($0.name) }.map(\.bytes)
      expectSame(try engine.collect(wanted.count, from: port), wanted)
      expectSame(try kernel.receive(others.count, timeout: patience), others)
      expectEqual(engine.report(of: port).received.packets, UInt64(wanted.count))
    }
  }

  @Test("A rule for one port leaves the other port's packets to the kernel")
  func onePort() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      _ = try VethPair("b", "peer-b")
      let kernel = try PacketTap("b")
      var engine = try Engine()
      let ports = try engine.bind([QueueName("a", queue: 0), QueueName("b", queue: 0)])
      try engine.steer(.everything, to: ports[0])
      try PacketTap("peer-b").send(numbered(3))
      try PacketTap("peer-a").send(numbered(4))
      expectSame(try kernel.collect(3), numbered(3))
      expectSame(try engine.collect(4, from: ports[0]), numbered(4))
      expectEqual(engine.report(of: ports[1]).received.packets, 0)
    }
  }

  @Test("Without a port there is nothing to steer")
  func noPort() throws {
    var engine = try Engine()
    do throws(XDPError) {
      try engine.steer(.everything)
      Issue.record("nothing is bound")
    } catch {
      #expect(error.kind == .configuration)
    }
  }
}

/// A host behind `near`, which has the server's address.
private func makeNeighbour() throws -> NetworkNamespace {
  let far = try NetworkNamespace()
  _ = try VethPair("near", "far") {
    $0.farNamespace = far
    $0.nearAddress = Crossing.serverAddress + "/24"
    $0.farAddress = Crossing.clientAddress + "/24"
  }
  return far
}

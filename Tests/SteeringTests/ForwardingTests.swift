import MartletTestKit
import Testing
import XSK

@testable import Steering

private let capabilities = KernelFeature.capabilities

/// Packets that leave by another interface: what is refused, and their checksum.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ForwardingTests {
  static let rule = Rule(.everything, .forward(Forwarding(to: "out", decrementsTTL: true)))

  @Test func notToAnInterfaceThatIsDown() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("out", "next")
      try runProgram(["ethtool", "-K", "next", "gro", "on"])
      try runProgram(["ip", "link", "set", "out", "down"])
      let error = refusal { () throws(XDPError) in try bench.program.setRules([Self.rule]) }
      #expect(error?.kind == .interfaceDown)
      #expect(bench.program.rules.isEmpty)
    }
  }

  /// Only a native one has the peer poll.
  @Test func aGenericProgramOfThePeerIsNotEnough() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("out", "next")
      let next = try Interface(named: "next")
      try attachForeignProgram(named: "someone", to: next, flags: 2)
      let error = refusal { () throws(XDPError) in try bench.program.setRules([Self.rule]) }
      #expect(error?.kind == .configuration && error?.remedy.contains("gro on") == true)
      try runProgram(["ip", "link", "set", "dev", "next", "xdpgeneric", "off"])
      try attachForeignProgram(named: "someone", to: next, flags: 4)
      try bench.program.setRules([Self.rule])
    }
  }

  @Test(.enabled(if: capabilities.isExpected, Comment(rawValue: capabilities.reason)))
  func whatTakesNoFrames() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      try runProgram(["ip", "link", "add", "bridge", "type", "bridge"])
      try runProgram(["ip", "link", "set", "dev", "bridge", "up"])
      let rule = Rule(.everything, .forward(Forwarding(to: "bridge")))
      let error = refusal { () throws(XDPError) in try bench.program.setRules([rule]) }
      #expect(error?.kind == .configuration && error?.reason.contains("takes no frames") == true)
      #expect(bench.program.rules.isEmpty)
    }
  }

  /// The kernel says it of the near end.
  @Test(.enabled(if: capabilities.isExpected, Comment(rawValue: capabilities.reason)))
  func aPeerInAnotherNamespace() async throws {
    let elsewhere = try NetworkNamespace()
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("out", "next") { $0.farNamespace = elsewhere }
      let error = refusal { () throws(XDPError) in try bench.program.setRules([Self.rule]) }
      #expect(error?.kind == .configuration)
      #expect(error?.reason.contains("its peer in another network namespace has neither") == true)
      try elsewhere.run { try runProgram(["ethtool", "-K", "next", "gro", "on"]) }
      try bench.program.setRules([Self.rule])
    }
  }

  /// The stack sends what generic programs forward.
  @Test func genericModeNeedsNothing() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1, mode: .generic)
      _ = try VethPair("out", "next")
      try bench.program.setRules([Self.rule])
      let next = try PacketTap("next")
      var builder = PacketBuilder()
      try PacketTap(bench.pair.far).send(builder.udp())
      builder.timeToLive -= 1
      #expect(try next.receive(timeout: .seconds(5)) == builder.udp())
    }
  }

  /// Sums on both sides of the carry: 0xFEFF becomes 0, as the kernel writes it, and not 0xFFFF.
  @Test func theChecksumCarries() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("out", "next")
      try runProgram(["ethtool", "-K", "next", "gro", "on"])
      try bench.program.setRules([Self.rule])
      let far = try PacketTap(bench.pair.far)
      let next = try PacketTap("next")
      for sum: UInt32 in [0xFEFE, 0xFEFF, 0xFF00, 0xFFFE, 0] {
        // The identification makes up the difference to the sum of a packet without one.
        var builder = PacketBuilder()
        let difference = Self.checksum(builder.udp()) + (0xFFFF - sum)
        builder.identification = UInt16(difference % 0xFFFF)
        let packet = builder.udp()
        try #require(Self.checksum(packet) == sum)
        builder.timeToLive -= 1
        try far.send(packet)
        #expect(try next.receive(timeout: .seconds(5)) == builder.udp(), "\(sum)")
      }
    }
  }

  private static func checksum(_ packet: [UInt8]) -> UInt32 {
    UInt32(packet[24]) << 8 | UInt32(packet[25])
  }
}

import MartletTestKit
import Steering
import Testing
import Wire

/// Conditions that no packet meets, and their opposites, which every packet meets.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ImpossibleTests {
  static let syn = PacketBuilder().tcp(flags: 0x02)

  /// With the bits that the condition would come to if they were cut off.
  static var tagged: [UInt8] {
    var builder = PacketBuilder()
    builder.vlanTags = [5, 5]
    return builder.udp()
  }

  @Test(arguments: [false, true])
  func flagsThatAreSetAndClear(_ isNegated: Bool) async throws {
    var match = Match.everything
    let flags = TCPFlagMatch(set: .syn, clear: .syn)
    match.tcpFlags = Condition(flags, isNegated: isNegated)
    try await Self.expect(match, Self.syn, meets: isNegated)
  }

  @Test(arguments: [false, true])
  func aTagBeyondTheLast(_ isNegated: Bool) async throws {
    var match = Match.everything
    match.vlan = Condition(.identifier(4096 + 5), isNegated: isNegated)
    try await Self.expect(match, Self.tagged, meets: isNegated)
    match.vlan = nil
    match.innerVLAN = Condition(.identifier(4096 + 5), isNegated: isNegated)
    try await Self.expect(match, Self.tagged, meets: isNegated)
  }

  @Test(arguments: [false, true])
  func aQueueBeyondTheLast(_ isNegated: Bool) async throws {
    var match = Match.everything
    match.queue = Condition(65_536, isNegated: isNegated)
    try await Self.expect(match, Self.syn, meets: isNegated)
    match.queue = Condition(70_000, isNegated: isNegated)
    try await Self.expect(match, Self.syn, meets: isNegated)
  }

  private static func expect(_ match: Match, _ packet: [UInt8], meets: Bool) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(match, .drop)])
      #expect(try bench.trial(packet) == (meets ? .drop : .kernel), "\(match)")
    }
  }
}

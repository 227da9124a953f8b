import CXDP
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// How flows lie in the program's cache.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct FlowCacheTests {
  /// What 64 times 64 flows differ in: networks' and hosts' numbers go up in the last bytes.
  enum Sides: String, CaseIterable {
    case hosts4, hosts6, networks6, networksAndHosts6, ports

    func packet(_ one: UInt8, _ other: UInt8) -> [UInt8] {
      var builder = PacketBuilder()
      builder.version = self == .hosts4 || self == .ports ? .v4 : .v6
      switch self {
      case .hosts4:
        builder.source.ipv4[3] = one
        builder.destination.ipv4[3] = other
      case .hosts6:
        builder.source.ipv6[15] = one
        builder.destination.ipv6[15] = other
      case .networks6:
        builder.source.ipv6[7] = one
        builder.destination.ipv6[7] = other
      case .networksAndHosts6:
        builder.source.ipv6[7] = one
        builder.source.ipv6[15] = other
      case .ports:
        builder.source.port = 40_000 + UInt16(one)
        builder.destination.port = 8000 + UInt16(other)
      }
      return builder.udp()
    }
  }

  @Test(
    "All of 4,096 flows get known, whatever they differ in, and whoever has their tags",
    arguments: Sides.allCases)
  func spread(_ sides: Sides) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      // One rule takes all, and asks about everything that tells flows apart.
      try bench.program.setRules(
        RuleText.parse(
          """
          not src host 192.0.2.255 and not dst host 192.0.2.255 and src port 0-65534 \
          and dst port 0-65534 -> socket
          not src host 2001:db8::ff and not dst host 2001:db8::ff -> socket
          """))
      let packets = (0..<64 * 64).map { sides.packet(UInt8($0 / 64), UInt8($0 % 64)) }
      var searches: [UInt64] = []
      // The thread may move, and each processor has a cache of its own.
      for _ in 0..<200 where searches.last.map({ $0 > 2 }) ?? true {
        let before = try searchCount(bench)
        for packet in packets { #expect(try bench.trial(packet) == .socket) }
        searches.append(try searchCount(bench) - before)
      }
      #expect(try #require(searches.last) <= 2, "\(searches)")
    }
  }

  /// What two flows differ in alone: the words of the key are each the first to tell them apart.
  enum Field: String, CaseIterable {
    case sourceMAC, destinationMAC, source4, destination4, sourceNet6, sourceHost6
    case destinationNet6, destinationHost6, ports

    /// The flow with this number, as a packet and as a match that asks for the field alone.
    func flow(_ number: UInt16) -> (packet: [UInt8], match: Match) {
      var builder = PacketBuilder()
      var match = Match()
      let bytes = [UInt8(number >> 8), UInt8(number & 255)]
      builder.version = rawValue.hasSuffix("6") ? .v6 : .v4
      switch self {
      case .sourceMAC:
        builder.source.mac.replaceSubrange(4..., with: bytes)
        match.sourceMAC = MACAddress(bytes: builder.source.mac).map { .is($0) }
      case .destinationMAC:
        builder.destination.mac.replaceSubrange(4..., with: bytes)
        match.destinationMAC = MACAddress(bytes: builder.destination.mac).map { .is($0) }
      case .source4:
        builder.source.ipv4.replaceSubrange(2..., with: bytes)
        match.source = .is(.v4(IPv4Address(192, 0, bytes[0], bytes[1]), length: 32))
      case .destination4:
        builder.destination.ipv4.replaceSubrange(2..., with: bytes)
        match.destination = .is(.v4(IPv4Address(192, 0, bytes[0], bytes[1]), length: 32))
      case .sourceNet6, .sourceHost6:
        let at = self == .sourceNet6 ? 6..<8 : 14..<16
        builder.source.ipv6.replaceSubrange(at, with: bytes)
        match.source = .is(Self.prefix(builder.source.ipv6))
      case .destinationNet6, .destinationHost6:
        let at = self == .destinationNet6 ? 6..<8 : 14..<16
        builder.destination.ipv6.replaceSubrange(at, with: bytes)
        match.destination = .is(Self.prefix(builder.destination.ipv6))
      case .ports:
        builder.source.port = number
        match.sourcePort = number
      }
      return (builder.udp(), match)
    }

    private static func prefix(_ bytes: [UInt8]) -> AddressPrefix {
      let halves = [0, 8].map { at in
        bytes[at..<at + 8].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      }
      return .v6(IPv6Address(high: halves[0], low: halves[1]), length: 128)
    }
  }

  @Test(
    "A flow is not taken for the known one that has its place and its tag",
    arguments: Field.allCases)
  func sameTag(_ field: Field) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1, flowCacheSize: 16)
      let known = field.flow(1)
      try bench.program.setRules([Rule(known.match, .drop)])
      let wanted = Self.place(known.match)
      let number = try #require(
        (2...UInt16.max).first { Self.place(field.flow($0).match) == wanted })
      let other = field.flow(number)
      // The thread may move, and each processor has a cache of its own.
      var rounds = 0
      var isKnown = false
      while rounds < 20 || !isKnown && rounds < 200 {
        for _ in 0..<3 { #expect(try bench.trial(known.packet) == .drop) }
        let before = try searchCount(bench)
        #expect(try bench.trial(known.packet) == .drop)
        if try searchCount(bench) == before { isKnown = true }
        #expect(try bench.trial(other.packet) == .kernel, "number \(number)")
        rounds += 1
      }
      #expect(isKnown, "searched for each time")
    }
  }

  /// Where the program looks for a flow first among 16 places, and its tag: `find` of
  /// bpf/classify.h for a set whose only rule is as this match.
  private static func place(_ match: Match) -> UInt64 {
    let key = KeyPattern(match, interface: nil).value
    let factors: [UInt64] = [
      0x9E37_79B9_7F4A_7C15, 0, 0x1656_67B1_9E37_79F9, 0xD6E8_FEB8_6659_FD93,
      0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3,
      0x5899_65CC_7537_4CC3,
    ]
    var hash: UInt64 = 0
    for (word, factor) in factors.enumerated() {
      hash &+= ((2...5).contains(word) ? key[word].byteSwapped : key[word]) &* factor
    }
    hash = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
    hash &+= key[1] &* 0xC2B2_AE3D_27D4_EB4F
    // Tag 0 is nobody's: a flow with it has 1.
    return (hash >> 60) << 8 | max(1, (hash >> 32) & 0xFF)
  }

  @Test("A size that cannot be one is refused", arguments: [0, -1, (1 << 20) + 1, .max])
  func refusedSize(_ size: Int) {
    let error = refusal { () throws(XDPError) in _ = try SteeringProgram(flowCacheSize: size) }
    #expect(error?.kind == .configuration && error?.reason.contains("\(size) flows") == true)
  }

  // The last is one whose element of the map is longer than 4 MiB.
  @Test("Few flows or many may be asked room for", arguments: [1, 17, 100_000])
  func size(_ size: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1, flowCacheSize: size)
      try bench.program.setRules([Rule(.udp(destinationPort: 1002), .drop), Rule(.arp, .kernel)])
      for port in 1001...1003 as ClosedRange<UInt16> {
        var builder = PacketBuilder()
        builder.destination.port = port
        let packet = builder.udp()
        // New, with its tag there, and known.
        for _ in 0..<3 { #expect(try bench.trial(packet) == (port == 1002 ? .drop : .kernel)) }
      }
    }
  }

  @Test(
    "Every CPU has an element, also where numbers are left out",
    arguments: [("0\n", 1), ("0-1\n", 2), ("0-3,8-11\n", 12), ("0,2\n", 3)])
  func processorNumbers(_ list: String, _ count: Int) {
    #expect(CPULayout.cpuCount(possible: list) == count)
    #expect(CPULayout.cpuCount(possible: nil) <= CPULayout.cpuCount())
  }

  /// Packets of port 0 that were searched for, over all CPUs: `counters.searched` of bpf/steer.h.
  private func searchCount(_ bench: borrowing Bench) throws -> UInt64 {
    let counted = bench.program.engine?.counters(ofPort: 0)
    let words = try #require(counted)
    return stride(from: 7, to: words.count, by: 8).reduce(0) { $0 + words[$1] }
  }
}

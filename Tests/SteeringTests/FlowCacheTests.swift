import CXDP
import MartletTestKit
import Testing
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

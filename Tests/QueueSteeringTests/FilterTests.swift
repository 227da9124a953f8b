import CXDP
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// Filters as the kernel's structure has them, and interfaces without any.
@Suite struct FilterTests {
  @Test func theLayoutIsTheKernels() {
    #expect(MemoryLayout<ethtool_rx_flow_spec>.size == RuleCommand.specSize)
    #expect(MemoryLayout<ethtool_rx_flow_spec>.offset(of: \.m_u) == 76)
    #expect(MemoryLayout<ethtool_rx_flow_spec>.offset(of: \.h_ext) == 4 + 52)
    #expect(MemoryLayout<ethtool_rx_flow_spec>.offset(of: \.ring_cookie) == 152)
    #expect(MemoryLayout<ethtool_rx_flow_spec>.offset(of: \.location) == 160)
    #expect(MemoryLayout<ethtool_rxnfc>.offset(of: \.fs) == RuleCommand.specOffset)
    #expect(MemoryLayout<ethtool_rxnfc>.size == RuleCommand.size)
    #expect(RuleCommand.bytes(ETHTOOL_GRXCLSRLCNT).count == RuleCommand.size)
  }

  @Test func ofUDPOverIPv4() throws {
    let filter = try #require(NtupleFilter(flow(0x1234), queue: 3))
    let words: [UInt8] = [10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0x12, 0xB5]
    #expect(filter.spec[0..<4] == [2, 0, 0, 0] && filter.spec[4..<16] == words[...])
    #expect(filter.spec[76..<88].allSatisfy { $0 == 0xFF } && filter.spec[88] == 0)
    #expect(filter.queue == 3 && filter.location == .max)
  }

  @Test func ofTCPOverIPv6InAVLAN() throws {
    let key = FlowKey(
      source: IPv6Address(high: 1, low: 2), sourcePort: 0x102,
      destination: IPv6Address(high: 3, low: 4), destinationPort: 0x304, ipProtocol: .tcp,
      vlans: 0x123)
    let filter = try #require(NtupleFilter(key, queue: 1))
    #expect(filter.spec[0..<4] == [5, 0, 0, 0x80])
    #expect(filter.spec[11] == 1 && filter.spec[19] == 2 && filter.spec[35] == 4)
    #expect(filter.spec[36..<40] == [1, 2, 3, 4])
    #expect(filter.spec[66..<68] == [0x01, 0x23] && filter.spec[138..<140] == [0x0F, 0xFF])
    var twice = key
    twice.vlans = 0x1_0002
    #expect(NtupleFilter(twice, queue: 1) == nil)
  }

  @Test func ofProtocolsWithoutPorts() throws {
    let four = try #require(
      NtupleFilter(
        FlowKey(
          source: IPv4Address(1, 2, 3, 4), destination: IPv4Address(5, 6, 7, 8), ipProtocol: .gre),
        queue: 0))
    // The IP version has no mask: it is not a choice.
    #expect(four.spec[0] == 13 && four.spec[17] == 1 && four.spec[18] == 47)
    #expect(four.spec[89] == 0 && four.spec[90] == 0xFF && four.spec[84] == 0)
    let six = try #require(
      NtupleFilter(
        FlowKey(source: IPv6Address.any, destination: .loopback, ipProtocol: .icmpv6), queue: 0))
    #expect(six.spec[0] == 14 && six.spec[41] == 58 && six.spec[113] == 0xFF)
  }

  @Test(.enabled(if: namespaces.isExpected, needsNamespaces))
  func aVethOffersNeitherFiltersNorATable() async throws {
    try await withNetworkNamespace {
      let far = try NetworkNamespace()
      _ = try VethPair("near", "far") { $0.farNamespace = far }
      let folder = try TemporaryFolder()
      let near = try Interface(named: "near")
      var steering = try QueueSteering(near, recordFolder: folder.path)
      #expect(steering.ways.isEmpty && steering.refusals.count == 3)
      #expect(steering.refusals[.filters]?.contains("driver veth has no filters") == true)
      #expect(steering.refusals[.hash]?.contains("driver veth offers no such") == true)
      #expect(steering.refusals[.director]?.contains("another network namespace") == true)
      let error = refusal { () throws(XDPError) in try steering.steer(flow(1), to: 0) }
      #expect(error?.kind == .unsupported)
      #expect(
        steering.placement(of: flow(1)) == .shared(reason: "no queue was asked for this flow"))
      let queue = refusal { () throws(XDPError) in try steering.steer(flow(1), to: 1) }
      #expect(queue?.kind == .noSuchQueue)
      let held = refusal { () throws(XDPError) in
        _ = try QueueSteering(near, recordFolder: folder.path)
      }
      #expect(held?.kind == .settingsHeld && held?.reason.contains("this process") == true)
      #expect(
        refusal { () throws(XDPError) in _ = try RSSSettings(of: near) }?.kind == .unsupported)
      #expect(folder.names() == [])
    }
  }
}

let namespaces = KernelFeature.namespaces
let needsNamespaces: Comment = Comment(rawValue: namespaces.reason)

import Testing
import Wire

@Suite struct FlowKeyTests {
  let a = IPv4Address(10, 0, 0, 1)
  let b = IPv4Address(10, 0, 0, 2)

  @Test func udpInVLAN() {
    equal(
      FlowKey(frame: Packets.dnsInVLAN.raw),
      FlowKey(
        source: a, sourcePort: 40000, destination: b, destinationPort: 53, ipProtocol: .udp,
        vlans: 100))
    equal(FlowKey(frame: Packets.udpInTwoVLANs.raw)?.vlans, 4000 << 16 | 200)
  }

  @Test func overIPv6() throws {
    let source = try #require(IPv6Address("2001:db8::1"))
    let destination = try #require(IPv6Address("2001:db8::2"))
    equal(
      FlowKey(frame: Packets.tcpOverIPv6.raw),
      FlowKey(
        source: source, sourcePort: 51000, destination: destination, destinationPort: 80,
        ipProtocol: .tcp))
    equal(
      FlowKey(frame: Packets.udpBehindExtensions.raw),
      FlowKey(
        source: source, sourcePort: 1234, destination: destination, destinationPort: 4321,
        ipProtocol: .udp))
  }

  @Test func withoutPorts() {
    equal(
      FlowKey(frame: Packets.ping.raw), FlowKey(source: a, destination: b, ipProtocol: .icmp))
    equal(FlowKey(frame: Packets.arpRequest.raw), nil)
  }

  @Test func allFragmentsHaveOneKey() {
    let first = FlowKey(frame: Packets.firstFragment.raw)
    equal(first, FlowKey(frame: Packets.laterFragment.raw))
    equal(first, FlowKey(source: a, destination: b, ipProtocol: .udp))
    equal(FlowKey(frame: Packets.fragmentOverIPv6.raw)?.sourcePort, 0)
  }

  @Test func portsThatAreCutOff() {
    // The packet ends three bytes into the UDP header: an IP flow, but no ports.
    var bytes = Array(Packets.udpZeroSum[..<37])
    bytes[17] = 23
    equal(FlowKey(frame: bytes.raw), FlowKey(source: a, destination: b, ipProtocol: .udp))
  }

  @Test func bothDirections() {
    let there = FlowKey(
      source: a, sourcePort: 9, destination: b, destinationPort: 5, ipProtocol: .tcp, vlans: 3)
    let back = FlowKey(
      source: b, sourcePort: 5, destination: a, destinationPort: 9, ipProtocol: .tcp, vlans: 3)
    equal(there.reversed, back)
    equal(there.bothDirections, there)
    equal(back.bothDirections, there)
    // One address on both ends: the ports decide.
    let loop = FlowKey(
      source: a, sourcePort: 9, destination: a, destinationPort: 5, ipProtocol: .udp)
    equal(loop.bothDirections, loop.reversed)
    equal(loop.reversed.bothDirections, loop.reversed)
    #expect(there != back && there.bothDirections.hashValue == back.bothDirections.hashValue)
  }

  @Test func bothDirectionsOfIPv6() throws {
    // The halves decide in their order: the high one first.
    let low = IPv6Address(high: 1, low: 9)
    let high = IPv6Address(high: 2, low: 1)
    let key = FlowKey(source: high, destination: low, ipProtocol: .icmpv6)
    equal(key.bothDirections.source, low)
    equal(key.reversed.bothDirections.source, low)
  }

  @Test func everyPartCounts() throws {
    let key = try #require(
      FlowKeyTests.key(Packets.dnsInVLAN))
    var others: [FlowKey] = []
    for change in 0..<7 {
      var other = key
      switch change {
      case 0: other.source = .any
      case 1: other.destination = .any
      case 2: other.vlans = 0
      case 3: other.sourcePort ^= 1
      case 4: other.destinationPort ^= 1
      case 5: other.ipProtocol = .tcp
      default: other.isIPv4 = false
      }
      others.append(other)
    }
    #expect(!others.contains(key) && Set(others).count == 7)
  }

  @Test func text() {
    equal(
      FlowKeyTests.key(Packets.udpInTwoVLANs)?.description,
      "UDP 10.0.0.1:5000 > 10.0.0.2:6000 vlan 4000 vlan 200")
    equal(
      FlowKeyTests.key(Packets.tcpOverIPv6)?.description,
      "TCP [2001:db8::1]:51000 > [2001:db8::2]:80")
    equal(FlowKeyTests.key(Packets.ping)?.description, "ICMP 10.0.0.1 > 10.0.0.2")
  }

  private static func key(_ frame: [UInt8]) -> FlowKey? { FlowKey(frame: frame.raw) }
}

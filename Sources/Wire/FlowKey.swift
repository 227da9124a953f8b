/// What the packets of one flow have in common: VLANs, addresses, protocol and ports.
///
/// A plain value of fixed size. IPv4 addresses are mapped (::ffff:a.b.c.d), and `isIPv4` tells such
/// a flow from one of IPv6 packets with the same addresses. Ports are 0 for protocols without ports
/// (ICMP, GRE, ESP), and in every fragment, so that all fragments of a packet have one key.
@frozen public struct FlowKey: Hashable, Sendable, BitwiseCopyable {
  /// Who sends.
  public var source: IPv6Address
  /// Who receives.
  public var destination: IPv6Address
  /// The identifiers of all VLAN tags, 16 bits each, the innermost in the lowest place.
  public var vlans: UInt64
  /// The sender's port, 0 if there is none.
  public var sourcePort: UInt16
  /// The receiver's port, 0 if there is none.
  public var destinationPort: UInt16
  /// The protocol of the upper layer.
  public var ipProtocol: IPProtocol
  /// Whether the packets are IPv4.
  public var isIPv4: Bool

  /// The flow of IPv4 packets between these two.
  @inlinable
  public init(
    source: IPv4Address, sourcePort: UInt16 = 0, destination: IPv4Address,
    destinationPort: UInt16 = 0, ipProtocol: IPProtocol, vlans: UInt64 = 0
  ) {
    self.source = IPv6Address(mapping: source)
    self.destination = IPv6Address(mapping: destination)
    self.vlans = vlans
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.ipProtocol = ipProtocol
    isIPv4 = true
  }

  /// The flow of IPv6 packets between these two.
  @inlinable
  public init(
    source: IPv6Address, sourcePort: UInt16 = 0, destination: IPv6Address,
    destinationPort: UInt16 = 0, ipProtocol: IPProtocol, vlans: UInt64 = 0
  ) {
    self.source = source
    self.destination = destination
    self.vlans = vlans
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.ipProtocol = ipProtocol
    isIPv4 = false
  }

  /// The flow of the packet in an Ethernet frame; nil if it carries no sound IP packet.
  @inlinable @inline(__always)
  public init?(frame: RawSpan) {
    guard let link = LinkLayer(frame: frame) else { return nil }
    let packet = frame.dropping(first: link.byteCount)
    let upper: UpperLayer
    if link.etherType == .ipv4 {
      guard let ip = IPv4(packet) else { return nil }
      upper = ip.upperLayer
      source = IPv6Address(mapping: ip.source)
      destination = IPv6Address(mapping: ip.destination)
      isIPv4 = true
    } else if link.etherType == .ipv6 {
      guard let ip = IPv6(packet), let found = ip.upperLayer else { return nil }
      upper = found
      source = ip.source
      destination = ip.destination
      isIPv4 = false
    } else {
      return nil
    }
    vlans = link.vlans
    ipProtocol = upper.ipProtocol
    let hasPorts = upper.ipProtocol.hasPorts && !upper.isFragment && upper.byteCount >= 4
    let ports = hasPorts ? packet.load32(upper.offset) : 0
    sourcePort = UInt16(truncatingIfNeeded: ports &>> 16)
    destinationPort = UInt16(truncatingIfNeeded: ports)
  }

  /// The key of the packets that come back.
  @inlinable public var reversed: FlowKey {
    var key = self
    key.source = destination
    key.destination = source
    key.sourcePort = destinationPort
    key.destinationPort = sourcePort
    return key
  }

  /// One key for both directions: that of `self` and `reversed` whose source is the smaller one.
  @inlinable public var bothDirections: FlowKey {
    let here = (source.high, source.low, sourcePort)
    let there = (destination.high, destination.low, destinationPort)
    return here <= there ? self : reversed
  }
}

extension FlowKey: CustomStringConvertible {
  /// The flow in one line, as "UDP 10.0.0.1:53 > 10.0.0.2:4000 vlan 5".
  public var description: String {
    var text = "\(ipProtocol) \(end(source, sourcePort)) > \(end(destination, destinationPort))"
    for shift in stride(from: UInt64(48), through: 0, by: -16) where vlans >> shift != 0 {
      text += " vlan \(vlans >> shift & 0xFFFF)"
    }
    return text
  }

  /// An address with its port, if the protocol has ports.
  private func end(_ address: IPv6Address, _ port: UInt16) -> String {
    let text = address.mapped.flatMap { isIPv4 ? "\($0)" : nil } ?? "[\(address)]"
    return ipProtocol.hasPorts ? "\(text):\(port)" : text
  }
}

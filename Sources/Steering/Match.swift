public import Wire

/// Which packets a rule is about: those that meet every condition.
///
/// What is nil is not asked for; what is asked for must be in the packet. A packet whose headers
/// are cut short or broken has only what its intact headers say; a fragment has no ports, not even
/// the first one.
public struct Match: Sendable, Hashable {
  /// The interface on which it arrives.
  public var interface: Condition<InterfaceName>?
  /// The queue on which it arrives.
  public var queue: Condition<Int>?
  /// The outer VLAN tag.
  public var vlan: Condition<VLANTag>?
  /// The second VLAN tag.
  public var innerVLAN: Condition<VLANTag>?
  /// Who sent the frame.
  public var sourceMAC: Condition<MACAddress>?
  /// Whom the frame is for.
  public var destinationMAC: Condition<MACAddress>?
  /// The EtherType behind up to two VLAN tags.
  ///
  /// Below 0x600 the field is the length of an LLC frame, which has no EtherType.
  public var type: Condition<EtherType>?
  /// The IP version, 4 or 6, of an intact IP header.
  public var version: Condition<UInt8>?
  /// Who sent the packet.
  ///
  /// Of IPv4 and IPv6; of ARP, if that is asked for, who speaks.
  public var source: Condition<AddressPrefix>?
  /// Whom the packet is for.
  ///
  /// Of IPv4 and IPv6; of ARP, if that is asked for, whom it asks for or answers to.
  public var destination: Condition<AddressPrefix>?
  /// The protocol above IP.
  ///
  /// Of IPv6 the one behind the extension headers, at most eight of which are followed.
  public var upperProtocol: Condition<IPProtocol>?
  /// The sender's port: TCP, UDP, SCTP, DCCP or UDP-Lite.
  public var sourcePorts: Condition<ClosedRange<UInt16>>?
  /// The receiver's port: TCP, UDP, SCTP, DCCP or UDP-Lite.
  public var destinationPorts: Condition<ClosedRange<UInt16>>?
  /// The flags of a TCP header.
  public var tcpFlags: Condition<TCPFlagMatch>?
  /// Whether it is a fragment of an IP packet, the first one too.
  public var fragment: Condition<Fragments>?

  /// Every packet: refine it by setting fields.
  public init() {}

  /// Whether ARP is asked for, whose addresses are meant then.
  var isARP: Bool { type == .is(.arp) }
}

extension Match {
  /// Every frame: runts, LLC and LLDP too.
  ///
  /// As the only rule it spares the program from looking at packets.
  public static var everything: Match { Match() }

  /// Address resolution for IPv4.
  public static var arp: Match { etherType(0x0806) }

  /// ICMP for IPv4, fragments too.
  public static var icmp: Match {
    var match = ipProtocol(1)
    match.ipVersion = 4
    return match
  }

  /// ICMP for IPv6, with it neighbour and router discovery.
  public static var icmpv6: Match {
    var match = ipProtocol(58)
    match.ipVersion = 6
    return match
  }

  /// UDP to a port, over IPv4 and IPv6.
  public static func udp(destinationPort: UInt16) -> Match {
    var match = ipProtocol(17)
    match.destinationPort = destinationPort
    return match
  }

  /// TCP to a port, over IPv4 and IPv6.
  public static func tcp(destinationPort: UInt16) -> Match {
    var match = ipProtocol(6)
    match.destinationPort = destinationPort
    return match
  }

  /// Every frame with this EtherType behind its VLAN tags.
  public static func etherType(_ etherType: UInt16) -> Match {
    var match = Match()
    match.etherType = etherType
    return match
  }

  /// Every IPv4 and IPv6 packet of a protocol, such as 47 for GRE, fragments too.
  public static func ipProtocol(_ number: UInt8) -> Match {
    var match = Match()
    match.ipProtocol = number
    return match
  }

  /// The packets of one flow, of one direction.
  ///
  /// Of a flow without VLANs packets with no tag at all; of tags the program reads two. A key whose
  /// protocol has ports and whose ports are 0 is that of fragments.
  public static func flow(_ key: FlowKey) -> Match {
    var match = ipProtocol(key.ipProtocol.rawValue)
    match.ipVersion = key.isIPv4 ? 4 : 6
    match.source = .is(prefix(key.source, key.isIPv4))
    match.destination = .is(prefix(key.destination, key.isIPv4))
    if key.ipProtocol.hasPorts {
      if key.sourcePort == 0, key.destinationPort == 0 {
        match.fragment = .is(.any)
      } else {
        match.sourcePort = key.sourcePort
        match.destinationPort = key.destinationPort
      }
    }
    let tags = stride(from: UInt64(48), through: 0, by: -16).map { key.vlans >> $0 & 0xFFFF }
      .drop { $0 == 0 }.map { Condition.is(VLANTag.identifier(UInt16($0))) }
    match.vlan = tags.first ?? .not(.any)
    match.innerVLAN = tags.count > 1 ? tags[1] : .not(.any)
    return match
  }

  private static func prefix(_ address: IPv6Address, _ isIPv4: Bool) -> AddressPrefix {
    if isIPv4, let mapped = address.mapped { return AddressPrefix(mapped) }
    return AddressPrefix(address)
  }

  /// The same, but only to one IPv4 address; of ARP only what asks for it or answers to it.
  public func to(_ address: IPv4Address) -> Match {
    var match = self
    if !isARP { match.ipVersion = 4 }
    match.destination = .is(AddressPrefix(address))
    return match
  }

  /// The same, but only to one IPv6 address.
  public func to(_ address: IPv6Address) -> Match {
    var match = self
    match.ipVersion = 6
    match.destination = .is(AddressPrefix(address))
    return match
  }
}

/// Fields by their plain numbers; nil if they are not asked for, or negated, or more than one
/// number would do.
extension Match {
  /// The EtherType.
  public var etherType: UInt16? {
    get { Self.plain(type)?.rawValue }
    set { type = newValue.map { .is(EtherType(rawValue: $0)) } }
  }

  /// 4 or 6.
  public var ipVersion: UInt8? {
    get { Self.plain(version) }
    set { version = newValue.map { .is($0) } }
  }

  /// The protocol above IP.
  public var ipProtocol: UInt8? {
    get { Self.plain(upperProtocol)?.rawValue }
    set { upperProtocol = newValue.map { .is(IPProtocol(rawValue: $0)) } }
  }

  /// The destination port.
  public var destinationPort: UInt16? {
    get { Self.plain(destinationPorts).flatMap { $0.count == 1 ? $0.lowerBound : nil } }
    set { destinationPorts = newValue.map { .is($0...$0) } }
  }

  /// The source port.
  public var sourcePort: UInt16? {
    get { Self.plain(sourcePorts).flatMap { $0.count == 1 ? $0.lowerBound : nil } }
    set { sourcePorts = newValue.map { .is($0...$0) } }
  }

  private static func plain<Value>(_ condition: Condition<Value>?) -> Value? {
    condition.flatMap { $0.isNegated ? nil : $0.value }
  }
}

extension FixedWidthInteger {
  /// Its bytes as they lie in this machine's memory.
  var machineOrder: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: littleEndian >> $0) }
  }
}

public import Wire

/// Which packets a rule is about.
///
/// What is nil is not asked for; what is asked for must be in the packet. Up to two VLAN tags are
/// skipped. A packet whose headers are cut short or broken matches only what its intact headers
/// answer; a fragment has no ports, not even the first one.
public struct Match: Sendable, Hashable {
  /// The EtherType behind the VLAN tags.
  ///
  /// Below 0x600 the field is the length of an LLC frame, which has no EtherType.
  public var etherType: UInt16?
  /// 4 or 6.
  public var ipVersion: UInt8?
  /// The protocol above IP.
  ///
  /// Of IPv6 the one behind the extension headers, at most six of which are followed.
  public var ipProtocol: UInt8?
  /// The destination port of UDP or TCP.
  public var destinationPort: UInt16?
  /// The destination address in network order: four bytes with IP version 4 and ARP, sixteen with
  /// 6.
  var destination: [UInt8] = []

  /// Every packet: refine it by setting fields.
  public init() {}
}

extension Match {
  /// Every frame: runts, LLC and LLDP too.
  ///
  /// As the first rule it spares the program from looking at packets.
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
}

extension Match {
  /// The same, but only to one IPv4 address; of ARP only what asks for it or answers to it.
  public func to(_ address: IPv4Address) -> Match {
    var match = self
    if etherType != Match.arp.etherType { match.ipVersion = 4 }
    match.destination = address.rawValue.networkOrder
    return match
  }

  /// The same, but only to one IPv6 address.
  public func to(_ address: IPv6Address) -> Match {
    var match = self
    match.ipVersion = 6
    match.destination = address.high.networkOrder + address.low.networkOrder
    return match
  }
}

extension FixedWidthInteger {
  /// Its bytes, the most significant first.
  var networkOrder: [UInt8] {
    stride(from: Self.bitWidth - 8, through: 0, by: -8).map {
      UInt8(truncatingIfNeeded: self >> $0)
    }
  }

  /// Its bytes as they lie in this machine's memory.
  var machineOrder: [UInt8] { bigEndian.networkOrder }
}

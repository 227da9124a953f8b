/// What an IP packet carries (IANA protocol numbers): IPv4 protocols and IPv6 next headers alike.
@frozen public struct IPProtocol: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as it stands in the packet.
  public let rawValue: UInt8

  /// The protocol with this number.
  @inlinable @inline(__always)
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// IPv6 hop-by-hop options, an extension header.
  @inlinable public static var hopByHop: IPProtocol { IPProtocol(rawValue: 0) }
  /// ICMP for IPv4.
  @inlinable public static var icmp: IPProtocol { IPProtocol(rawValue: 1) }
  /// IGMP.
  @inlinable public static var igmp: IPProtocol { IPProtocol(rawValue: 2) }
  /// IPv4 inside IP.
  @inlinable public static var ipv4: IPProtocol { IPProtocol(rawValue: 4) }
  /// TCP.
  @inlinable public static var tcp: IPProtocol { IPProtocol(rawValue: 6) }
  /// UDP.
  @inlinable public static var udp: IPProtocol { IPProtocol(rawValue: 17) }
  /// DCCP.
  @inlinable public static var dccp: IPProtocol { IPProtocol(rawValue: 33) }
  /// IPv6 inside IP.
  @inlinable public static var ipv6: IPProtocol { IPProtocol(rawValue: 41) }
  /// IPv6 routing, an extension header.
  @inlinable public static var routing: IPProtocol { IPProtocol(rawValue: 43) }
  /// IPv6 fragment, an extension header.
  @inlinable public static var fragment: IPProtocol { IPProtocol(rawValue: 44) }
  /// GRE.
  @inlinable public static var gre: IPProtocol { IPProtocol(rawValue: 47) }
  /// IPsec encapsulated payload: nothing behind it can be read.
  @inlinable public static var esp: IPProtocol { IPProtocol(rawValue: 50) }
  /// IPsec authentication header, an extension header in IPv6.
  @inlinable public static var ah: IPProtocol { IPProtocol(rawValue: 51) }
  /// ICMP for IPv6.
  @inlinable public static var icmpv6: IPProtocol { IPProtocol(rawValue: 58) }
  /// IPv6: nothing follows.
  @inlinable public static var noNextHeader: IPProtocol { IPProtocol(rawValue: 59) }
  /// IPv6 destination options, an extension header.
  @inlinable public static var destinationOptions: IPProtocol { IPProtocol(rawValue: 60) }
  /// SCTP.
  @inlinable public static var sctp: IPProtocol { IPProtocol(rawValue: 132) }
  /// IPv6 mobility, an extension header.
  @inlinable public static var mobility: IPProtocol { IPProtocol(rawValue: 135) }
  /// UDP-Lite.
  @inlinable public static var udpLite: IPProtocol { IPProtocol(rawValue: 136) }
  /// Host identity protocol, an extension header.
  @inlinable public static var hip: IPProtocol { IPProtocol(rawValue: 139) }
  /// Shim6, an extension header.
  @inlinable public static var shim6: IPProtocol { IPProtocol(rawValue: 140) }

  /// Whether the header begins with a source and a destination port of 16 bits each.
  @inlinable public var hasPorts: Bool {
    self == .tcp || self == .udp || self == .sctp || self == .udpLite || self == .dccp
  }

  /// Whether another header follows in IPv6 (hop-by-hop, routing, destination, fragment, ...).
  @inlinable public var isExtensionHeader: Bool {
    switch self {
    case .hopByHop, .routing, .fragment, .ah, .destinationOptions, .mobility, .hip, .shim6: true
    default: false
    }
  }
}

extension IPProtocol: CustomStringConvertible {
  /// The name where there is a common one, else the number.
  public var description: String {
    switch self {
    case .icmp: "ICMP"
    case .igmp: "IGMP"
    case .tcp: "TCP"
    case .udp: "UDP"
    case .gre: "GRE"
    case .esp: "ESP"
    case .ah: "AH"
    case .icmpv6: "ICMPv6"
    case .sctp: "SCTP"
    default: String(rawValue)
    }
  }
}

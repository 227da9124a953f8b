/// What an Ethernet frame or a VLAN tag carries (IEEE 802 numbers); below 1,536 it is a length.
@frozen public struct EtherType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as it stands in the frame, in host byte order.
  public let rawValue: UInt16

  /// The type with this number.
  @inlinable @inline(__always)
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// IPv4 (`ETH_P_IP`).
  @inlinable public static var ipv4: EtherType { EtherType(rawValue: 0x0800) }
  /// ARP (`ETH_P_ARP`).
  @inlinable public static var arp: EtherType { EtherType(rawValue: 0x0806) }
  /// A customer's VLAN tag, IEEE 802.1Q (`ETH_P_8021Q`).
  @inlinable public static var vlan: EtherType { EtherType(rawValue: 0x8100) }
  /// IPv6 (`ETH_P_IPV6`).
  @inlinable public static var ipv6: EtherType { EtherType(rawValue: 0x86DD) }
  /// A provider's VLAN tag, IEEE 802.1ad (`ETH_P_8021AD`).
  @inlinable public static var serviceVLAN: EtherType { EtherType(rawValue: 0x88A8) }
  /// A provider's VLAN tag as it was before 802.1ad (`ETH_P_QINQ1`).
  @inlinable public static var legacyServiceVLAN: EtherType { EtherType(rawValue: 0x9100) }
  /// MPLS, unicast (`ETH_P_MPLS_UC`).
  @inlinable public static var mpls: EtherType { EtherType(rawValue: 0x8847) }
  /// LLDP (`ETH_P_LLDP`).
  @inlinable public static var lldp: EtherType { EtherType(rawValue: 0x88CC) }

  /// Whether a VLAN tag follows.
  @inlinable public var isVLAN: Bool {
    @inline(__always) get { self == .vlan || self == .serviceVLAN || self == .legacyServiceVLAN }
  }

  /// Whether this is the length of an IEEE 802.3 frame (LLC) and no type at all.
  @inlinable public var isLength: Bool { rawValue < 1536 }
}

extension EtherType: CustomStringConvertible {
  /// The name where there is one, else the number in hexadecimal.
  public var description: String {
    switch self {
    case .ipv4: "IPv4"
    case .arp: "ARP"
    case .vlan: "802.1Q"
    case .ipv6: "IPv6"
    case .serviceVLAN: "802.1ad"
    case .mpls: "MPLS"
    case .lldp: "LLDP"
    default: "0x" + String(repeating: "0", count: leadingZeroDigits) + String(rawValue, radix: 16)
    }
  }

  /// How many zeros make the hexadecimal number four digits long.
  private var leadingZeroDigits: Int { min(3, rawValue.leadingZeroBitCount / 4) }
}

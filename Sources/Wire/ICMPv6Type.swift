/// The kind of an ICMP message for IPv6 (IANA).
@frozen public struct ICMPv6Type: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as it stands in the message.
  public let rawValue: UInt8

  /// The kind with this number.
  @inlinable @inline(__always)
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A packet could not be delivered; the code says why.
  @inlinable public static var unreachable: ICMPv6Type { ICMPv6Type(rawValue: 1) }
  /// A packet was longer than the next link takes.
  @inlinable public static var packetTooBig: ICMPv6Type { ICMPv6Type(rawValue: 2) }
  /// A packet's hop limit ran out.
  @inlinable public static var timeExceeded: ICMPv6Type { ICMPv6Type(rawValue: 3) }
  /// A ping.
  @inlinable public static var echoRequest: ICMPv6Type { ICMPv6Type(rawValue: 128) }
  /// The answer to a ping.
  @inlinable public static var echoReply: ICMPv6Type { ICMPv6Type(rawValue: 129) }
  /// The sender looks for a router.
  @inlinable public static var routerSolicitation: ICMPv6Type { ICMPv6Type(rawValue: 133) }
  /// The sender is a router.
  @inlinable public static var routerAdvertisement: ICMPv6Type { ICMPv6Type(rawValue: 134) }
  /// The sender asks who has an address.
  @inlinable public static var neighborSolicitation: ICMPv6Type { ICMPv6Type(rawValue: 135) }
  /// The sender has an address.
  @inlinable public static var neighborAdvertisement: ICMPv6Type { ICMPv6Type(rawValue: 136) }
}

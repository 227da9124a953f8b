/// The kind of an ICMP message for IPv4 (IANA).
@frozen public struct ICMPType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as it stands in the message.
  public let rawValue: UInt8

  /// The kind with this number.
  @inlinable @inline(__always)
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The answer to a ping.
  @inlinable public static var echoReply: ICMPType { ICMPType(rawValue: 0) }
  /// A packet could not be delivered; the code says why.
  @inlinable public static var unreachable: ICMPType { ICMPType(rawValue: 3) }
  /// There is a better router.
  @inlinable public static var redirect: ICMPType { ICMPType(rawValue: 5) }
  /// A ping.
  @inlinable public static var echoRequest: ICMPType { ICMPType(rawValue: 8) }
  /// A packet's time to live ran out.
  @inlinable public static var timeExceeded: ICMPType { ICMPType(rawValue: 11) }
}

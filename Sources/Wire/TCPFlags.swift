/// The control bits of a TCP segment.
@frozen public struct TCPFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as they stand in the segment.
  public let rawValue: UInt8

  /// The bits of `rawValue`.
  @inlinable @inline(__always)
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The sender has finished.
  @inlinable public static var fin: TCPFlags { TCPFlags(rawValue: 0x01) }
  /// Sequence numbers begin here.
  @inlinable public static var syn: TCPFlags { TCPFlags(rawValue: 0x02) }
  /// The connection is torn down.
  @inlinable public static var rst: TCPFlags { TCPFlags(rawValue: 0x04) }
  /// The receiver should hand its data over now.
  @inlinable public static var psh: TCPFlags { TCPFlags(rawValue: 0x08) }
  /// The acknowledgment number counts.
  @inlinable public static var ack: TCPFlags { TCPFlags(rawValue: 0x10) }
  /// The urgent pointer counts.
  @inlinable public static var urg: TCPFlags { TCPFlags(rawValue: 0x20) }
  /// Congestion was seen (echo).
  @inlinable public static var ece: TCPFlags { TCPFlags(rawValue: 0x40) }
  /// The congestion window was reduced.
  @inlinable public static var cwr: TCPFlags { TCPFlags(rawValue: 0x80) }
}

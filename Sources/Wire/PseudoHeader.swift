/// What UDP, TCP and ICMPv6 checksums cover besides their own bytes: addresses and protocol.
///
/// The length is added by the view that computes the checksum. A plain value: take it from the IP
/// header first, then write through the view of the upper layer.
@frozen public struct PseudoHeader: Sendable, BitwiseCopyable {
  /// The sum of addresses and protocol.
  @usableFromInline let sum: Checksum
  /// Whether UDP may go without a checksum: in IPv4 it may, in IPv6 not (RFC 8200, 8.1).
  public let allowsNoChecksum: Bool

  /// The pseudo-header of an IPv4 packet (RFC 768).
  @inlinable @inline(__always)
  public init(source: IPv4Address, destination: IPv4Address, ipProtocol: IPProtocol) {
    var sum = Checksum()
    sum.add(source.rawValue)
    sum.add(destination.rawValue)
    sum.add(UInt16(ipProtocol.rawValue))
    self.sum = sum
    allowsNoChecksum = true
  }

  /// The pseudo-header of an IPv6 packet (RFC 8200, 8.1); `ipProtocol` is that of the upper layer.
  @inlinable @inline(__always)
  public init(source: IPv6Address, destination: IPv6Address, ipProtocol: IPProtocol) {
    var sum = Checksum()
    sum.add(source.high)
    sum.add(source.low)
    sum.add(destination.high)
    sum.add(destination.low)
    sum.add(UInt16(ipProtocol.rawValue))
    self.sum = sum
    allowsNoChecksum = false
  }

  /// The pseudo-header of the packet in an Ethernet frame; nil if there is no sound IP packet.
  ///
  /// A routing header that still has segments left is not followed.
  @inlinable
  public init?(frame: RawSpan) {
    if let ip = IPv4(frame: frame) {
      self = ip.pseudoHeader
    } else if let ip = IPv6(frame: frame), let upper = ip.upperLayer {
      self = ip.pseudoHeader(for: upper.ipProtocol)
    } else {
      return nil
    }
  }

  /// The sum over this header, the length of `bytes`, and `bytes` as they are.
  @inlinable
  func sum(over bytes: RawSpan) -> Checksum {
    var sum = sum
    sum.add(UInt32(truncatingIfNeeded: bytes.byteCount))
    sum.add(bytes)
    return sum
  }
}

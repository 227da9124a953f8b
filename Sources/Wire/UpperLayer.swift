/// Where the header of the upper layer (TCP, UDP, ICMP, ...) lies, behind all IP headers.
@frozen public struct UpperLayer: Hashable, Sendable, BitwiseCopyable {
  /// Which protocol it is.
  public let ipProtocol: IPProtocol
  /// Where it begins, counted from the bytes that were asked.
  public let offset: Int
  /// Bytes from there to the end of the IP packet, padding of the link not included.
  public let byteCount: Int
  /// Whether this is a piece of a packet: then the header may be elsewhere, and no checksum fits.
  public let isFragment: Bool

  /// The upper layer at these places.
  @inlinable @inline(__always)
  init(ipProtocol: IPProtocol, offset: Int, byteCount: Int, isFragment: Bool) {
    self.ipProtocol = ipProtocol
    self.offset = offset
    self.byteCount = byteCount
    self.isFragment = isFragment
  }

  /// Finds the upper layer of an Ethernet frame; nil if it carries no sound IP packet.
  @inlinable @inline(__always)
  public init?(frame: RawSpan) {
    guard let link = LinkLayer(frame: frame) else { return nil }
    let packet = frame.dropping(first: link.byteCount)
    if link.etherType == .ipv4 {
      guard let ip = IPv4(packet) else { return nil }
      self = ip.upperLayer.moved(by: link.byteCount)
    } else if link.etherType == .ipv6 {
      guard let ip = IPv6(packet), let upper = ip.upperLayer else { return nil }
      self = upper.moved(by: link.byteCount)
    } else {
      return nil
    }
  }

  /// The same place, counted from `distance` bytes earlier.
  @inlinable @inline(__always)
  func moved(by distance: Int) -> UpperLayer {
    UpperLayer(
      ipProtocol: ipProtocol, offset: offset &+ distance, byteCount: byteCount,
      isFragment: isFragment)
  }
}

extension ByteView where Self: ~Copyable & ~Escapable {
  /// Where the whole, unfragmented `ipProtocol` of a frame lies; nil if it carries something else.
  @inlinable @inline(__always)
  func upperLayer(_ ipProtocol: IPProtocol) -> UpperLayer? {
    guard let upper = UpperLayer(frame: readOnly()), upper.ipProtocol == ipProtocol,
      !upper.isFragment
    else { return nil }
    return upper
  }

  /// The same, and the frame's network header is `etherType`: ICMP belongs to one of the two.
  @inlinable @inline(__always)
  func upperLayer(_ ipProtocol: IPProtocol, over etherType: EtherType) -> UpperLayer? {
    guard networkOffset(of: etherType) != nil else { return nil }
    return upperLayer(ipProtocol)
  }
}

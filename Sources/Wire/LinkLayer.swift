/// What stands in front of a frame's network header: addresses, VLAN tags, EtherType.
@frozen public struct LinkLayer: Hashable, Sendable, BitwiseCopyable {
  /// How many stacked VLAN tags are read; a frame with more has no inner header.
  @inlinable public static var maximumTags: Int { 4 }

  /// What follows, behind all tags.
  public let etherType: EtherType
  /// Where the network header begins: 14, and 4 more for each tag.
  public let byteCount: Int
  /// The identifiers of all tags, 16 bits each, the innermost in the lowest place; 0 if untagged.
  public let vlans: UInt64

  /// Reads the addresses and tags of `frame`; nil if it ends inside them or has too many tags.
  @inlinable @inline(__always)
  public init?(frame: RawSpan) {
    guard frame.byteCount >= 14 else { return nil }
    var type = EtherType(rawValue: frame.load16(12))
    var offset = 14
    var vlans: UInt64 = 0
    while type.isVLAN {
      let fits = offset &+ 4 <= frame.byteCount
      guard fits, offset != 14 &+ 4 &* Self.maximumTags else { return nil }
      vlans = vlans &<< 16 | UInt64(frame.load16(offset) & 0xFFF)
      type = EtherType(rawValue: frame.load16(offset &+ 2))
      offset &+= 4
    }
    etherType = type
    byteCount = offset
    self.vlans = vlans
  }
}

extension ByteView where Self: ~Copyable & ~Escapable {
  /// Where the network header begins if the frame carries `etherType`, else nil.
  @inlinable @inline(__always)
  func networkOffset(of etherType: EtherType) -> Int? {
    guard let link = LinkLayer(frame: readOnly()), link.etherType == etherType else { return nil }
    return link.byteCount
  }

  /// Gives a frame up for its bytes from `offset` on; `offset` is inside.
  @inlinable @inline(__always) @_lifetime(copy self)
  consuming func dropping(first offset: Int) -> Self {
    let count = byteCount &- offset
    return narrowed(from: offset, count: count)
  }
}

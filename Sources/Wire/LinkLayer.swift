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
  ///
  /// Cost: a few comparisons without tags, a call with them.
  @inlinable @inline(__always)
  public init?(frame: RawSpan) {
    guard frame.byteCount >= 14 else { return nil }
    let type = EtherType(rawValue: frame.load16(12))
    if type.isVLAN {
      self.init(tagged: frame)
    } else {
      self.init(etherType: type, byteCount: 14, vlans: 0)
    }
  }

  /// What stands in front of a network header after `byteCount` bytes.
  @inlinable @inline(__always)
  init(etherType: EtherType, byteCount: Int, vlans: UInt64) {
    self.etherType = etherType
    self.byteCount = byteCount
    self.vlans = vlans
  }

  /// Reads the tags of `frame`, at least 14 bytes; out of line, so that the untagged path is small.
  @usableFromInline
  init?(tagged frame: RawSpan) {
    var type = EtherType(rawValue: frame.load16(12))
    var offset = 14
    var vlans: UInt64 = 0
    while type.isVLAN {
      let fits = offset + 4 <= frame.byteCount
      guard fits, offset < 14 + 4 * Self.maximumTags else { return nil }
      vlans = vlans << 16 | UInt64(frame.load16(offset) & 0xFFF)
      type = EtherType(rawValue: frame.load16(offset + 2))
      offset += 4
    }
    self.init(etherType: type, byteCount: offset, vlans: vlans)
  }
}

extension ByteView where Self: ~Copyable & ~Escapable {
  /// Where the network header begins if the frame carries `etherType`, else nil.
  @inlinable @inline(__always)
  func networkOffset(of etherType: EtherType) -> Int? {
    // The common case first: untagged, and what was asked for.
    if byteCount >= 14, load16(12) == etherType.rawValue { return 14 }
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

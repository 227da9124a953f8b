/// Extension headers (RFC 8200, 4): the chain between the fixed header and the upper layer.
extension IPv6 where Bytes: ~Copyable & ~Escapable {
  /// How many extension headers are read; a packet with more has no upper layer.
  @inlinable public static var maximumExtensions: Int { IPv6Extensions.maximum }

  /// The upper layer, counted from the start of this header; nil if the chain is broken.
  ///
  /// Broken means cut off, or longer than `maximumExtensions`. ESP and "no next header" end the
  /// chain and are reported as they are; so is a fragment other than the first, behind whose header
  /// the chain goes on in another packet.
  /// Cost: a few comparisons without extension headers, a call with them.
  @inlinable public var upperLayer: UpperLayer? {
    @inline(__always) get {
      let next = nextHeader
      guard next.isExtensionHeader else {
        return UpperLayer(
          ipProtocol: next, offset: 40, byteCount: bytes.byteCount &- 40, isFragment: false)
      }
      return IPv6Extensions(of: bytes.readOnly())?.upper
    }
  }

  /// Which fragment this is; nil for a whole packet or a broken chain.
  ///
  /// An atomic fragment (RFC 6946), first and last in one, counts as whole.
  @inlinable public var fragment: Fragment? {
    nextHeader.isExtensionHeader ? IPv6Extensions(of: bytes.readOnly())?.fragment : nil
  }

  /// What the upper layer carries, its header included; nil as for `upperLayer`.
  @inlinable public var upperPayload: RawSpan? {
    @_lifetime(borrow self) get {
      guard let upper = upperLayer else { return nil }
      return bytes.slice(from: upper.offset, count: upper.byteCount)
    }
  }
}

/// What a walk along the extension headers of one packet finds.
@frozen @usableFromInline struct IPv6Extensions {
  /// The end of the chain.
  @usableFromInline let upper: UpperLayer
  /// What the fragment header says, if there is one and it is not atomic.
  @usableFromInline let fragment: Fragment?

  /// The most headers that are read.
  @usableFromInline static var maximum: Int { 8 }

  /// Walks the chain of `packet`, at least 40 bytes; nil if it is cut off or longer than `maximum`.
  @usableFromInline
  init?(of packet: RawSpan) {
    var next = IPProtocol(rawValue: packet.load8(6))
    var offset = 40
    var headers = 0
    var fragment: Fragment?
    while next.isExtensionHeader && (fragment?.offset ?? 0) == 0 {
      guard headers < Self.maximum, offset + 8 <= packet.byteCount else { return nil }
      let length = Int(packet.load8(offset + 1))
      let header = offset
      switch next {
      case .fragment:
        fragment = Self.fragment(packet, at: header)
        offset += 8
      case .ah:
        offset += (length + 2) * 4
      default:
        offset += (length + 1) * 8
      }
      next = IPProtocol(rawValue: packet.load8(header))
      headers += 1
    }
    guard offset <= packet.byteCount else { return nil }
    upper = UpperLayer(
      ipProtocol: next, offset: offset, byteCount: packet.byteCount - offset,
      isFragment: fragment != nil)
    self.fragment = fragment
  }

  /// The fragment header at `offset`; nil if it is atomic: the only piece.
  private static func fragment(_ packet: RawSpan, at offset: Int) -> Fragment? {
    let word = packet.load16(offset + 2)
    guard word & 0xFFF9 != 0 else { return nil }
    return Fragment(
      identification: packet.load32(offset + 4), offset: Int(word & 0xFFF8),
      hasMore: word & 1 != 0)
  }
}

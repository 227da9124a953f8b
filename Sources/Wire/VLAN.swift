/// A VLAN tag (IEEE 802.1Q and 802.1ad), from behind the EtherType that announces it.
///
/// ```
/// 0                                2      4
/// +----------+------+--------------+------+---------
/// | priority | drop | identifier   | type | payload
/// |  3 bits  | 1 bit|   12 bits    |      |
/// +----------+------+--------------+------+---------
/// ```
/// Stacked tags: while `etherType.isVLAN`, the payload is the next tag.
@frozen public struct VLAN<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  @usableFromInline var bytes: Bytes

  /// The tag at the start of `bytes`, the payload of a frame or of a tag; nil below 4 bytes.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 4 else { return nil }
    self.bytes = bytes
  }

  /// The outermost tag of an Ethernet frame; nil if it is untagged or cut off.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard frame.byteCount >= 18, EtherType(rawValue: frame.load16(12)).isVLAN else { return nil }
    bytes = frame.dropping(first: 14)
  }

  /// Which VLAN, 0 to 4,095; 0 means none, only a priority.
  @inlinable public var identifier: UInt16 {
    @inline(__always) get { bytes.load16(0) & 0xFFF }
  }

  /// The priority code point, 0 to 7.
  @inlinable public var priority: UInt8 {
    @inline(__always) get { bytes.load8(0) &>> 5 }
  }

  /// Whether this frame goes first when there are too many.
  @inlinable public var isDropEligible: Bool {
    @inline(__always) get { bytes.load8(0) & 0x10 != 0 }
  }

  /// What the payload is; another tag counts as payload.
  @inlinable public var etherType: EtherType {
    @inline(__always) get { EtherType(rawValue: bytes.load16(2)) }
  }

  /// Everything behind the tag.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 4, count: bytes.byteCount &- 4)
    }
  }
}

extension VLAN: Copyable where Bytes: Copyable & ~Escapable {}

extension VLAN where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// Which VLAN, 0 to 4,095; only the low 12 bits of a new value count.
  @inlinable public var identifier: UInt16 {
    @inline(__always) get { bytes.load16(0) & 0xFFF }
    @inline(__always) @_lifetime(self: copy self) set {
      let rest = bytes.load16(0) & 0xF000
      bytes.storeBig(rest | newValue & 0xFFF, at: 0)
    }
  }

  /// The priority code point, 0 to 7; only the low 3 bits of a new value count.
  @inlinable public var priority: UInt8 {
    @inline(__always) get { bytes.load8(0) &>> 5 }
    @inline(__always) @_lifetime(self: copy self) set {
      let rest = bytes.load8(0) & 0x1F
      bytes.store(rest | newValue &<< 5, at: 0)
    }
  }

  /// Whether this frame goes first when there are too many.
  @inlinable public var isDropEligible: Bool {
    @inline(__always) get { bytes.load8(0) & 0x10 != 0 }
    @inline(__always) @_lifetime(self: copy self) set {
      let rest = bytes.load8(0) & 0xEF
      bytes.store(rest | (newValue ? 0x10 : 0), at: 0)
    }
  }

  /// What the payload is; another tag counts as payload.
  @inlinable public var etherType: EtherType {
    @inline(__always) get { EtherType(rawValue: bytes.load16(2)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 2) }
  }

  /// Everything behind the tag, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- 4
      return bytes.mutableSlice(from: 4, count: count)
    }
  }
}

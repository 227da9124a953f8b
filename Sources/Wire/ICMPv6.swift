/// An ICMP message for IPv6 (RFC 4443).
///
/// ```
/// 0        1        2             4              6             8
/// +--------+--------+-------------+--------------+-------------+---------
/// |  type  |  code  |  checksum   | (identifier) | (sequence)  | payload
/// +--------+--------+-------------+--------------+-------------+---------
/// ```
@frozen public struct ICMPv6<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  @usableFromInline var bytes: Bytes

  /// The message that `bytes` are, an IPv6 packet's upper payload; nil below 8 bytes.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 8 else { return nil }
    self.bytes = bytes
  }

  /// The message in an Ethernet frame; nil if it carries none, a broken one or a fragment.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard let upper = frame.upperLayer(.icmpv6, over: .ipv6), upper.byteCount >= 8 else {
      return nil
    }
    bytes = frame.narrowed(from: upper.offset, count: upper.byteCount)
  }

  /// What kind of message it is.
  @inlinable public var type: ICMPv6Type {
    @inline(__always) get { ICMPv6Type(rawValue: bytes.load8(0)) }
  }

  /// The kind within the kind.
  @inlinable public var code: UInt8 {
    @inline(__always) get { bytes.load8(1) }
  }

  /// The checksum as it stands there.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(2) }
  }

  /// Whether the checksum is right under `pseudoHeader`.
  ///
  /// Cost: a pass over the message.
  @inlinable
  public func isChecksumValid(_ pseudoHeader: PseudoHeader) -> Bool {
    pseudoHeader.sum(over: bytes.readOnly()).folded == 0xFFFF
  }

  /// Which pinger asks; means this in echo requests and replies only.
  @inlinable public var identifier: UInt16 {
    @inline(__always) get { bytes.load16(4) }
  }

  /// Which of its pings; means this in echo requests and replies only.
  @inlinable public var sequence: UInt16 {
    @inline(__always) get { bytes.load16(6) }
  }

  /// Everything behind the first eight bytes.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 8, count: bytes.byteCount &- 8)
    }
  }
}

extension ICMPv6: Copyable where Bytes: Copyable & ~Escapable {}

/// Writing. Only `replyToEcho` leaves a right checksum right; after any other change call
/// `updateChecksum`.
extension ICMPv6 where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// What kind of message it is.
  @inlinable public var type: ICMPv6Type {
    @inline(__always) get { ICMPv6Type(rawValue: bytes.load8(0)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue.rawValue, at: 0) }
  }

  /// The kind within the kind.
  @inlinable public var code: UInt8 {
    @inline(__always) get { bytes.load8(1) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue, at: 1) }
  }

  /// The checksum as it stands there.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(2) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 2) }
  }

  /// Which pinger asks; means this in echo requests and replies only.
  @inlinable public var identifier: UInt16 {
    @inline(__always) get { bytes.load16(4) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 4) }
  }

  /// Which of its pings; means this in echo requests and replies only.
  @inlinable public var sequence: UInt16 {
    @inline(__always) get { bytes.load16(6) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 6) }
  }

  /// Everything behind the first eight bytes, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- 8
      return bytes.mutableSlice(from: 8, count: count)
    }
  }

  /// Turns an echo request into its reply, checksum included; false and nothing done otherwise.
  ///
  /// Addresses are the caller's to exchange: `swapAddresses` of the IP and the Ethernet header.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func replyToEcho() -> Bool {
    guard type == .echoRequest else { return false }
    let old = bytes.load16(0)
    type = .echoReply
    let new = bytes.load16(0)
    checksum = Checksum.updated(checksum, replacing: old, with: new)
    return true
  }

  /// Computes the checksum under `pseudoHeader` anew and stores it.
  ///
  /// Cost: a pass over the message.
  @inlinable @_lifetime(self: copy self)
  public mutating func updateChecksum(_ pseudoHeader: PseudoHeader) {
    checksum = 0
    checksum = pseudoHeader.sum(over: bytes.readOnly()).value
  }
}

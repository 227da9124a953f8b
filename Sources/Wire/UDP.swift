/// A UDP datagram (RFC 768), exactly as long as its length field says.
///
/// ```
/// 0             2             4             6             8
/// +-------------+-------------+-------------+-------------+---------
/// | source port | destination |   length    |  checksum   | payload
/// +-------------+-------------+-------------+-------------+---------
/// ```
@frozen public struct UDP<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  /// The datagram, exactly as long as its length field.
  @usableFromInline var bytes: Bytes

  /// The datagram at the start of `bytes`, an IP packet's payload; nil if its length cannot be.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 8 else { return nil }
    let length = Int(truncatingIfNeeded: bytes.load16(4))
    guard length >= 8, length <= bytes.byteCount else { return nil }
    self.bytes = bytes.narrowed(from: 0, count: length)
  }

  /// The datagram in an Ethernet frame; nil if it carries none, a broken one or a fragment.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard let upper = frame.upperLayer(.udp),
      let udp = UDP(frame.narrowed(from: upper.offset, count: upper.byteCount))
    else { return nil }
    self = udp
  }

  /// The sender's port.
  @inlinable public var sourcePort: UInt16 {
    @inline(__always) get { bytes.load16(0) }
  }

  /// The receiver's port.
  @inlinable public var destinationPort: UInt16 {
    @inline(__always) get { bytes.load16(2) }
  }

  /// Bytes of the datagram, header and payload.
  @inlinable public var length: Int {
    @inline(__always) get { bytes.byteCount }
  }

  /// The checksum as it stands there; 0 means that there is none.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(6) }
  }

  /// Whether the checksum is right under `pseudoHeader`, or rightly missing.
  ///
  /// Cost: a pass over all.
  @inlinable
  public func isChecksumValid(_ pseudoHeader: PseudoHeader) -> Bool {
    guard checksum != 0 else { return pseudoHeader.allowsNoChecksum }
    return pseudoHeader.sum(over: bytes.readOnly()).folded == 0xFFFF
  }

  /// What the datagram carries.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 8, count: bytes.byteCount &- 8)
    }
  }
}

extension UDP: Copyable where Bytes: Copyable & ~Escapable {}

/// Writing. Only `swapPorts` leaves a right checksum right; after any other change call
/// `updateChecksum`.
extension UDP where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// The sender's port.
  @inlinable public var sourcePort: UInt16 {
    @inline(__always) get { bytes.load16(0) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 0) }
  }

  /// The receiver's port.
  @inlinable public var destinationPort: UInt16 {
    @inline(__always) get { bytes.load16(2) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 2) }
  }

  /// The checksum as it stands there; 0 means that there is none.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(6) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 6) }
  }

  /// Exchanges source and destination; the checksum does not change by that.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func swapPorts() {
    let ports = bytes.load(0, as: UInt32.self)
    bytes.store(ports &<< 16 | ports &>> 16, at: 0)
  }

  /// Computes the checksum under `pseudoHeader` anew and stores it, 0 as 0xFFFF.
  ///
  /// Cost: a pass over all.
  @inlinable @_lifetime(self: copy self)
  public mutating func updateChecksum(_ pseudoHeader: PseudoHeader) {
    checksum = 0
    let value = pseudoHeader.sum(over: bytes.readOnly()).value
    checksum = value == 0 ? 0xFFFF : value
  }

  /// What the datagram carries, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- 8
      return bytes.mutableSlice(from: 8, count: count)
    }
  }
}

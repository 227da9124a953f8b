/// Writing. Only `swapPorts` leaves a right checksum right; after any other change call
/// `updateChecksum`.
extension TCP where Bytes: MutableByteView & ~Copyable & ~Escapable {
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

  /// The number of the first byte of payload (of the SYN, if set).
  @inlinable public var sequence: UInt32 {
    @inline(__always) get { bytes.load32(4) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 4) }
  }

  /// The number of the byte that is expected next; counts only with `.ack`.
  @inlinable public var acknowledgment: UInt32 {
    @inline(__always) get { bytes.load32(8) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 8) }
  }

  /// The control bits.
  @inlinable public var flags: TCPFlags {
    @inline(__always) get { TCPFlags(rawValue: bytes.load8(13)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue.rawValue, at: 13) }
  }

  /// How many bytes the sender still takes, not scaled.
  @inlinable public var window: UInt16 {
    @inline(__always) get { bytes.load16(14) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 14) }
  }

  /// The checksum as it stands there.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(16) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 16) }
  }

  /// Where urgent data ends, counted from `sequence`; counts only with `.urg`.
  @inlinable public var urgentPointer: UInt16 {
    @inline(__always) get { bytes.load16(18) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 18) }
  }

  /// Exchanges source and destination port; the checksum does not change by that.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func swapPorts() {
    let ports = bytes.load(0, as: UInt32.self)
    bytes.store(ports &<< 16 | ports &>> 16, at: 0)
  }

  /// Computes the checksum under `pseudoHeader` anew and stores it.
  ///
  /// Cost: a pass over the segment.
  @inlinable @_lifetime(self: copy self)
  public mutating func updateChecksum(_ pseudoHeader: PseudoHeader) {
    checksum = 0
    checksum = pseudoHeader.sum(over: bytes.readOnly()).value
  }

  /// What the segment carries, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- headerByteCount
      return bytes.mutableSlice(from: headerByteCount, count: count)
    }
  }
}

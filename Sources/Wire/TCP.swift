/// A TCP segment (RFC 9293): header, options and payload.
///
/// ```
/// 0           1           2           3
/// +-----------------------+-----------------------+
/// |      source port      |   destination port    |  0
/// +-----------------------+-----------------------+
/// |                sequence number                |  4
/// +-----------------------------------------------+
/// |             acknowledgment number             |  8
/// +-----+-----+-----------+-----------------------+
/// | off |  0  |   flags   |        window         | 12
/// +-----+-----+-----------+-----------------------+
/// |       checksum        |    urgent pointer     | 16
/// +-----------------------+-----------------------+
/// ```
@frozen public struct TCP<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  /// The segment, to the end of the IP packet.
  @usableFromInline var bytes: Bytes
  /// Bytes of the header with its options (the data offset): 20 to 60.
  public let headerByteCount: Int

  /// The segment that `bytes` are, the payload of an IP packet; nil if its data offset cannot be.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 20 else { return nil }
    let header = Int(truncatingIfNeeded: bytes.load8(12) &>> 4) &* 4
    guard header >= 20, header <= bytes.byteCount else { return nil }
    self.bytes = bytes
    headerByteCount = header
  }

  /// The segment in an Ethernet frame; nil if it carries none, a broken one or a fragment.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard let upper = frame.upperLayer(.tcp),
      let tcp = TCP(frame.narrowed(from: upper.offset, count: upper.byteCount))
    else { return nil }
    self = tcp
  }

  /// The sender's port.
  @inlinable public var sourcePort: UInt16 {
    @inline(__always) get { bytes.load16(0) }
  }

  /// The receiver's port.
  @inlinable public var destinationPort: UInt16 {
    @inline(__always) get { bytes.load16(2) }
  }

  /// The number of the first byte of payload (of the SYN, if set).
  @inlinable public var sequence: UInt32 {
    @inline(__always) get { bytes.load32(4) }
  }

  /// The number of the byte that is expected next; counts only with `.ack`.
  @inlinable public var acknowledgment: UInt32 {
    @inline(__always) get { bytes.load32(8) }
  }

  /// The control bits.
  @inlinable public var flags: TCPFlags {
    @inline(__always) get { TCPFlags(rawValue: bytes.load8(13)) }
  }

  /// How many bytes the sender still takes, not scaled.
  @inlinable public var window: UInt16 {
    @inline(__always) get { bytes.load16(14) }
  }

  /// The checksum as it stands there.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(16) }
  }

  /// Where urgent data ends, counted from `sequence`; counts only with `.urg`.
  @inlinable public var urgentPointer: UInt16 {
    @inline(__always) get { bytes.load16(18) }
  }

  /// Whether the checksum is right under `pseudoHeader`.
  ///
  /// Cost: a pass over the segment.
  @inlinable
  public func isChecksumValid(_ pseudoHeader: PseudoHeader) -> Bool {
    pseudoHeader.sum(over: bytes.readOnly()).folded == 0xFFFF
  }

  /// The options, 0 to 40 bytes, as they stand there.
  @inlinable public var options: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 20, count: headerByteCount &- 20)
    }
  }

  /// What the segment carries.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: headerByteCount, count: bytes.byteCount &- headerByteCount)
    }
  }
}

extension TCP: Copyable where Bytes: Copyable & ~Escapable {}

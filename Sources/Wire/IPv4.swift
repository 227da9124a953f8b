/// An IPv4 packet (RFC 791): header, options and payload, without the link's padding.
///
/// ```
/// 0           1           2           3
/// +-----+-----+-----------+-----------------------+
/// |  4  | IHL |  traffic  |     total length      |  0
/// +-----+-----+-----------+---+-------------------+
/// |    identification     |flg|  fragment offset  |  4
/// +-----------+-----------+---+-------------------+
/// |    TTL    | protocol  |       checksum        |  8
/// +-----------+-----------+-----------------------+
/// |                source address                 | 12
/// +-----------------------------------------------+
/// |              destination address              | 16
/// +-----------------------------------------------+
/// ```
/// The lengths are read and checked once, when the view is made; what is written to the bytes
/// later, by whomever, cannot lead it out of them.
@frozen public struct IPv4<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  /// The packet, exactly as long as its total length.
  @usableFromInline var bytes: Bytes
  /// Bytes of the header with its options: 20 to 60.
  public let headerByteCount: Int

  /// The packet at the start of `bytes`; nil if version, header length or total length cannot be.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 20 else { return nil }
    let first = bytes.load8(0)
    let header = Int(truncatingIfNeeded: first & 0xF) &* 4
    let total = Int(truncatingIfNeeded: bytes.load16(2))
    guard first &>> 4 == 4, header >= 20, header <= total, total <= bytes.byteCount
    else { return nil }
    self.bytes = bytes.narrowed(from: 0, count: total)
    headerByteCount = header
  }

  /// The packet in an Ethernet frame, behind any VLAN tags; nil if it carries none or a broken one.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard let offset = frame.networkOffset(of: .ipv4),
      let ip = IPv4(frame.dropping(first: offset))
    else { return nil }
    self = ip
  }

  /// Bytes of the packet, header and payload, as its total length says.
  @inlinable public var totalLength: Int {
    @inline(__always) get { bytes.byteCount }
  }

  /// The second byte: differentiated services code point and congestion notification.
  @inlinable public var trafficClass: UInt8 {
    @inline(__always) get { bytes.load8(1) }
  }

  /// What the fragments of one packet have in common.
  @inlinable public var identification: UInt16 {
    @inline(__always) get { bytes.load16(4) }
  }

  /// Whether routers must not fragment the packet (DF).
  @inlinable public var dontFragment: Bool {
    @inline(__always) get { bytes.load8(6) & 0x40 != 0 }
  }

  /// Whether this is a fragment, the first one included.
  @inlinable public var isFragment: Bool {
    @inline(__always) get { bytes.load16(6) & 0x3FFF != 0 }
  }

  /// Which fragment this is, nil if it is a whole packet.
  @inlinable public var fragment: Fragment? {
    let word = bytes.load16(6)
    guard word & 0x3FFF != 0 else { return nil }
    return Fragment(
      identification: UInt32(identification), offset: Int(word & 0x1FFF) &* 8,
      hasMore: word & 0x2000 != 0)
  }

  /// How many routers may still pass it on.
  @inlinable public var timeToLive: UInt8 {
    @inline(__always) get { bytes.load8(8) }
  }

  /// What the payload is.
  @inlinable public var ipProtocol: IPProtocol {
    @inline(__always) get { IPProtocol(rawValue: bytes.load8(9)) }
  }

  /// The header checksum as it stands there.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(10) }
  }

  /// Whether the header checksum is right.
  @inlinable public var isChecksumValid: Bool {
    var sum = Checksum()
    sum.add(bytes.slice(from: 0, count: headerByteCount))
    return sum.folded == 0xFFFF
  }

  /// Who sent the packet.
  @inlinable public var source: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(12)) }
  }

  /// Who receives the packet.
  @inlinable public var destination: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(16)) }
  }

  /// The options, 0 to 40 bytes, as they stand there.
  @inlinable public var options: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 20, count: headerByteCount &- 20)
    }
  }

  /// What the packet carries, up to its total length.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: headerByteCount, count: bytes.byteCount &- headerByteCount)
    }
  }

  /// Where the payload lies, counted from the start of this header.
  @inlinable public var upperLayer: UpperLayer {
    @inline(__always) get {
      UpperLayer(
        ipProtocol: ipProtocol, offset: headerByteCount,
        byteCount: bytes.byteCount &- headerByteCount, isFragment: isFragment)
    }
  }

  /// What a TCP or UDP checksum covers of this header.
  @inlinable public var pseudoHeader: PseudoHeader {
    @inline(__always) get {
      PseudoHeader(source: source, destination: destination, ipProtocol: ipProtocol)
    }
  }
}

extension IPv4: Copyable where Bytes: Copyable & ~Escapable {}

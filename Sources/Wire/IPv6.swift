/// An IPv6 packet (RFC 8200): header, extension headers and payload, without the link's padding.
///
/// ```
/// 0           1           2           3
/// +-----+-----------+-----------------------------+
/// |  6  |  traffic  |         flow label          |  0
/// +-----+-----------+-----+-----------+-----------+
/// |    payload length     | next hdr  | hop limit |  4
/// +-----------------------+-----------+-----------+
/// |           source address, 16 bytes            |  8
/// +-----------------------------------------------+
/// |         destination address, 16 bytes         | 24
/// +-----------------------------------------------+
/// ```
/// A payload length of 0 is taken at its word: jumbograms (RFC 2675) are not read.
@frozen public struct IPv6<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  /// The packet, exactly 40 bytes longer than its payload length.
  @usableFromInline var bytes: Bytes

  /// The packet at the start of `bytes`; nil if version or payload length cannot be.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 40 else { return nil }
    let total = 40 &+ Int(truncatingIfNeeded: bytes.load16(4))
    guard bytes.load8(0) &>> 4 == 6, total <= bytes.byteCount else { return nil }
    self.bytes = bytes.narrowed(from: 0, count: total)
  }

  /// The packet in an Ethernet frame, behind any VLAN tags; nil if it carries none or a broken one.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard let offset = frame.networkOffset(of: .ipv6),
      let ip = IPv6(frame.dropping(first: offset))
    else { return nil }
    self = ip
  }

  /// Bytes behind the fixed header, extension headers included.
  @inlinable public var payloadLength: Int {
    @inline(__always) get { bytes.byteCount &- 40 }
  }

  /// Differentiated services code point and congestion notification.
  @inlinable public var trafficClass: UInt8 {
    @inline(__always) get { UInt8(truncatingIfNeeded: bytes.load16(0) &>> 4) }
  }

  /// What the packets of one flow have in common, 20 bits; 0 if the sender does not label.
  @inlinable public var flowLabel: UInt32 {
    @inline(__always) get { bytes.load32(0) & 0xF_FFFF }
  }

  /// What follows the fixed header: an extension header or the upper layer.
  @inlinable public var nextHeader: IPProtocol {
    @inline(__always) get { IPProtocol(rawValue: bytes.load8(6)) }
  }

  /// How many routers may still pass it on.
  @inlinable public var hopLimit: UInt8 {
    @inline(__always) get { bytes.load8(7) }
  }

  /// Who sent the packet.
  @inlinable public var source: IPv6Address {
    @inline(__always) get { bytes.loadIPv6(8) }
  }

  /// Who receives the packet.
  @inlinable public var destination: IPv6Address {
    @inline(__always) get { bytes.loadIPv6(24) }
  }

  /// Everything behind the fixed header, extension headers included.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 40, count: bytes.byteCount &- 40)
    }
  }

  /// What a TCP, UDP or ICMPv6 checksum covers of this header.
  @inlinable @inline(__always)
  public func pseudoHeader(for ipProtocol: IPProtocol) -> PseudoHeader {
    PseudoHeader(source: source, destination: destination, ipProtocol: ipProtocol)
  }
}

extension IPv6: Copyable where Bytes: Copyable & ~Escapable {}

extension IPv6 where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// Differentiated services code point and congestion notification.
  @inlinable public var trafficClass: UInt8 {
    @inline(__always) get { UInt8(truncatingIfNeeded: bytes.load16(0) &>> 4) }
    @inline(__always) @_lifetime(self: copy self) set {
      let rest = bytes.load16(0) & 0xF00F
      bytes.storeBig(rest | UInt16(newValue) &<< 4, at: 0)
    }
  }

  /// What the packets of one flow have in common; only the low 20 bits of a new value count.
  @inlinable public var flowLabel: UInt32 {
    @inline(__always) get { bytes.load32(0) & 0xF_FFFF }
    @inline(__always) @_lifetime(self: copy self) set {
      let rest = bytes.load32(0) & 0xFFF0_0000
      bytes.storeBig(rest | newValue & 0xF_FFFF, at: 0)
    }
  }

  /// How many routers may still pass it on; no checksum covers it.
  @inlinable public var hopLimit: UInt8 {
    @inline(__always) get { bytes.load8(7) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue, at: 7) }
  }

  /// Who sent the packet; upper checksums cover it.
  @inlinable public var source: IPv6Address {
    @inline(__always) get { bytes.loadIPv6(8) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeIPv6(newValue, at: 8) }
  }

  /// Who receives the packet; upper checksums cover it.
  @inlinable public var destination: IPv6Address {
    @inline(__always) get { bytes.loadIPv6(24) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeIPv6(newValue, at: 24) }
  }

  /// Takes one from the hop limit; 0 stays 0.
  ///
  /// A packet that has 1 or 0 must not be passed on: ask first.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func decrementHopLimit() {
    let old = hopLimit
    guard old != 0 else { return }
    hopLimit = old &- 1
  }

  /// Exchanges source and destination; no checksum changes by that.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func swapAddresses() {
    let old = source
    source = destination
    destination = old
  }

  /// Everything behind the fixed header, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- 40
      return bytes.mutableSlice(from: 40, count: count)
    }
  }
}

/// Writing. Only `decrementTimeToLive` and `swapAddresses` leave a right checksum right; after any
/// other change call `updateChecksum`, and mind that upper checksums cover the addresses.
extension IPv4 where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// The second byte: differentiated services code point and congestion notification.
  @inlinable public var trafficClass: UInt8 {
    @inline(__always) get { bytes.load8(1) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue, at: 1) }
  }

  /// What the fragments of one packet have in common.
  @inlinable public var identification: UInt16 {
    @inline(__always) get { bytes.load16(4) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 4) }
  }

  /// Whether routers must not fragment the packet (DF).
  @inlinable public var dontFragment: Bool {
    @inline(__always) get { bytes.load8(6) & 0x40 != 0 }
    @inline(__always) @_lifetime(self: copy self) set {
      let rest = bytes.load8(6) & 0xBF
      bytes.store(rest | (newValue ? 0x40 : 0), at: 6)
    }
  }

  /// How many routers may still pass it on.
  @inlinable public var timeToLive: UInt8 {
    @inline(__always) get { bytes.load8(8) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue, at: 8) }
  }

  /// What the payload is.
  @inlinable public var ipProtocol: IPProtocol {
    @inline(__always) get { IPProtocol(rawValue: bytes.load8(9)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.store(newValue.rawValue, at: 9) }
  }

  /// The header checksum as it stands there.
  @inlinable public var checksum: UInt16 {
    @inline(__always) get { bytes.load16(10) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue, at: 10) }
  }

  /// Who sent the packet.
  @inlinable public var source: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(12)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 12) }
  }

  /// Who receives the packet.
  @inlinable public var destination: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(16)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 16) }
  }

  /// Takes one from the time to live and corrects the checksum (RFC 1624); 0 stays 0.
  ///
  /// Cost: two loads, two stores, whatever the header's length. A packet that has 1 or 0 must not
  /// be passed on: ask first.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func decrementTimeToLive() {
    let old = timeToLive
    guard old != 0 else { return }
    // The time to live is the high half of its word; the checksum only depends on the difference.
    checksum = Checksum.updated(checksum, replacing: 0x100, with: UInt16(0))
    timeToLive = old &- 1
  }

  /// Exchanges source and destination; no checksum changes by that.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func swapAddresses() {
    let addresses = bytes.load(12, as: UInt64.self)
    bytes.store(addresses &<< 32 | addresses &>> 32, at: 12)
  }

  /// Computes the header checksum anew and stores it.
  @inlinable @_lifetime(self: copy self)
  public mutating func updateChecksum() {
    checksum = 0
    checksum = Checksum.of(bytes.slice(from: 0, count: headerByteCount))
  }

  /// What the packet carries, up to its total length, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- headerByteCount
      return bytes.mutableSlice(from: headerByteCount, count: count)
    }
  }
}

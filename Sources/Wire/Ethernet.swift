/// An Ethernet frame, without preamble and check sequence, as it stands in a packet.
///
/// ```
/// 0            6           12     14
/// +------------+-----------+------+---------
/// | destination|  source   | type | payload
/// +------------+-----------+------+---------
/// ```
@frozen public struct Ethernet<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  @usableFromInline var bytes: Bytes

  /// The frame that `bytes` are; nil below 14 bytes.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 14 else { return nil }
    self.bytes = bytes
  }

  /// The same as `init(_:)`, under the name that the other views have for it.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard frame.byteCount >= 14 else { return nil }
    bytes = frame
  }

  /// Who receives the frame.
  @inlinable public var destination: MACAddress {
    @inline(__always) get { bytes.loadMAC(0) }
  }

  /// Who sent the frame.
  @inlinable public var source: MACAddress {
    @inline(__always) get { bytes.loadMAC(6) }
  }

  /// What the payload is; a VLAN tag counts as payload.
  @inlinable public var etherType: EtherType {
    @inline(__always) get { EtherType(rawValue: bytes.load16(12)) }
  }

  /// Everything behind the header: VLAN tags, the packet, padding.
  @inlinable public var payload: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      bytes.slice(from: 14, count: bytes.byteCount &- 14)
    }
  }
}

extension Ethernet: Copyable where Bytes: Copyable & ~Escapable {}

extension Ethernet where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// Who receives the frame.
  @inlinable public var destination: MACAddress {
    @inline(__always) get { bytes.loadMAC(0) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeMAC(newValue, at: 0) }
  }

  /// Who sent the frame.
  @inlinable public var source: MACAddress {
    @inline(__always) get { bytes.loadMAC(6) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeMAC(newValue, at: 6) }
  }

  /// What the payload is; a VLAN tag counts as payload.
  @inlinable public var etherType: EtherType {
    @inline(__always) get { EtherType(rawValue: bytes.load16(12)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 12) }
  }

  /// Sends the frame back: source becomes destination and the other way round.
  ///
  /// Cost: two 64-bit loads, a 64-bit and a 32-bit store.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func swapAddresses() {
    // Byte i of the wire is byte i of these numbers, counted from the low end: first holds
    // d0...d5 s0 s1, last holds d4 d5 s0...s5.
    let first = bytes.load(0, as: UInt64.self).littleEndian
    let last = bytes.load(4, as: UInt64.self).littleEndian
    bytes.store((last &>> 16 | first &<< 48).littleEndian, at: 0)
    bytes.store(UInt32(truncatingIfNeeded: first &>> 16).littleEndian, at: 8)
  }

  /// Everything behind the header, to write.
  @inlinable public var mutablePayload: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      let count = bytes.byteCount &- 14
      return bytes.mutableSlice(from: 14, count: count)
    }
  }
}

/// An ARP packet for IPv4 over Ethernet (RFC 826), 28 bytes.
///
/// ```
/// 0      2      4    5    6      8            14           18           24           28
/// +------+------+----+----+------+------------+------------+------------+------------+
/// |  1   | 0800 | 6  | 4  |  op  | sender MAC | sender IP  | target MAC | target IP  |
/// +------+------+----+----+------+------------+------------+------------+------------+
/// ```
@frozen public struct ARP<Bytes: ByteView & ~Copyable & ~Escapable>: ~Copyable, ~Escapable {
  @usableFromInline var bytes: Bytes

  /// The packet at the start of `bytes`; nil if it is cut off or not about IPv4 over Ethernet.
  @inlinable @inline(__always) @_lifetime(copy bytes)
  public init?(_ bytes: consuming Bytes) {
    guard bytes.byteCount >= 28, bytes.load32(0) == 0x0001_0800, bytes.load16(4) == 0x0604
    else { return nil }
    self.bytes = bytes.narrowed(from: 0, count: 28)
  }

  /// The packet in an Ethernet frame, behind any VLAN tags; nil if it carries none or a broken one.
  @inlinable @inline(__always) @_lifetime(copy frame)
  public init?(frame: consuming Bytes) {
    guard let offset = frame.networkOffset(of: .arp),
      let arp = ARP(frame.dropping(first: offset))
    else { return nil }
    self = arp
  }

  /// What is asked or said.
  @inlinable public var operation: ARPOperation {
    @inline(__always) get { ARPOperation(rawValue: bytes.load16(6)) }
  }

  /// Who asks or says it, by Ethernet address.
  @inlinable public var senderMAC: MACAddress {
    @inline(__always) get { bytes.loadMAC(8) }
  }

  /// Who asks or says it, by IP address.
  @inlinable public var senderIP: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(14)) }
  }

  /// Who is asked or told, by Ethernet address; means nothing in a request.
  @inlinable public var targetMAC: MACAddress {
    @inline(__always) get { bytes.loadMAC(18) }
  }

  /// Who is asked or told, by IP address.
  @inlinable public var targetIP: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(24)) }
  }
}

extension ARP: Copyable where Bytes: Copyable & ~Escapable {}

extension ARP where Bytes: MutableByteView & ~Copyable & ~Escapable {
  /// What is asked or said.
  @inlinable public var operation: ARPOperation {
    @inline(__always) get { ARPOperation(rawValue: bytes.load16(6)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 6) }
  }

  /// Who asks or says it, by Ethernet address.
  @inlinable public var senderMAC: MACAddress {
    @inline(__always) get { bytes.loadMAC(8) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeMAC(newValue, at: 8) }
  }

  /// Who asks or says it, by IP address.
  @inlinable public var senderIP: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(14)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 14) }
  }

  /// Who is asked or told, by Ethernet address; means nothing in a request.
  @inlinable public var targetMAC: MACAddress {
    @inline(__always) get { bytes.loadMAC(18) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeMAC(newValue, at: 18) }
  }

  /// Who is asked or told, by IP address.
  @inlinable public var targetIP: IPv4Address {
    @inline(__always) get { IPv4Address(rawValue: bytes.load32(24)) }
    @inline(__always) @_lifetime(self: copy self) set { bytes.storeBig(newValue.rawValue, at: 24) }
  }

  /// Turns a request for one's own IP address into the reply: it is at `address`.
  ///
  /// The Ethernet header in front of it is the caller's: destination and source change there too.
  @inlinable @_lifetime(self: copy self)
  public mutating func reply(from address: MACAddress) {
    let asked = targetIP
    targetMAC = senderMAC
    targetIP = senderIP
    senderMAC = address
    senderIP = asked
    operation = .reply
  }
}

/// An IPv6 address: 128 bits, the first byte of the wire in the highest place of `high`.
@frozen public struct IPv6Address: Hashable, Sendable, BitwiseCopyable {
  /// The first eight bytes, in host byte order.
  public let high: UInt64
  /// The last eight bytes, in host byte order.
  public let low: UInt64

  /// The address of these two halves, each in host byte order.
  @inlinable @inline(__always)
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// `address` as an IPv6 address, ::ffff:a.b.c.d.
  @inlinable @inline(__always)
  public init(mapping address: IPv4Address) {
    high = 0
    low = 0xFFFF_0000_0000 | UInt64(address.rawValue)
  }

  /// ::, no address.
  @inlinable public static var any: IPv6Address { IPv6Address(high: 0, low: 0) }
  /// ::1, this host.
  @inlinable public static var loopback: IPv6Address { IPv6Address(high: 0, low: 1) }

  /// The IPv4 address that this one maps (::ffff:a.b.c.d), nil if it maps none.
  @inlinable public var mapped: IPv4Address? {
    guard high == 0, low &>> 32 == 0xFFFF else { return nil }
    return IPv4Address(rawValue: UInt32(truncatingIfNeeded: low))
  }

  /// Whether a group is meant (ff00::/8).
  @inlinable public var isMulticast: Bool { high &>> 56 == 0xFF }
  /// Whether the address holds on one link only (fe80::/10).
  @inlinable public var isLinkLocal: Bool { high &>> 54 == 0x3FA }

  /// The 16-bit group `index`, 0 to 7 from the left.
  func group(_ index: Int) -> UInt16 {
    let half = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: half >> (48 - 16 * UInt64(index & 3)))
  }
}

extension ByteView where Self: ~Copyable & ~Escapable {
  /// The 16 bytes at `offset`.
  @inlinable @inline(__always)
  func loadIPv6(_ offset: Int) -> IPv6Address {
    IPv6Address(high: load64(offset), low: load64(offset &+ 8))
  }
}

extension MutableByteView where Self: ~Copyable & ~Escapable {
  /// Writes the 16 bytes at `offset`.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func storeIPv6(_ address: IPv6Address, at offset: Int) {
    storeBig(address.high, at: offset)
    storeBig(address.low, at: offset &+ 8)
  }
}

/// An IPv4 address: 32 bits, the first byte of the wire in the highest place.
@frozen public struct IPv4Address: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The address in host byte order: 10.0.0.1 is 0x0A000001.
  public let rawValue: UInt32

  /// The address whose value in host byte order is `rawValue`.
  @inlinable @inline(__always)
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The address a.b.c.d.
  @inlinable
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    rawValue = UInt32(a) &<< 24 | UInt32(b) &<< 16 | UInt32(c) &<< 8 | UInt32(d)
  }

  /// 0.0.0.0, no address.
  @inlinable public static var any: IPv4Address { IPv4Address(rawValue: 0) }
  /// 255.255.255.255, every host of the link.
  @inlinable public static var broadcast: IPv4Address { IPv4Address(rawValue: .max) }
  /// 127.0.0.1, this host.
  @inlinable public static var loopback: IPv4Address { IPv4Address(127, 0, 0, 1) }

  /// Whether a group is meant (224.0.0.0/4).
  @inlinable public var isMulticast: Bool { rawValue &>> 28 == 0xE }
  /// Whether this host is meant (127.0.0.0/8).
  @inlinable public var isLoopback: Bool { rawValue &>> 24 == 127 }
}

extension IPv4Address: LosslessStringConvertible {
  /// The address as four decimal numbers with points.
  public var description: String {
    "\(rawValue >> 24).\(rawValue >> 16 & 0xFF).\(rawValue >> 8 & 0xFF).\(rawValue & 0xFF)"
  }

  /// Reads exactly four decimal numbers of 0 to 255 with points, without leading zeros.
  public init?(_ text: String) {
    self.init(text[...])
  }

  /// As above, for a part of a text.
  init?(_ text: Substring) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      // "010" is octal to some readers and ten to others: no leading zeros.
      let leadsWithZero = part.first == UInt8(ascii: "0") && part.count > 1
      guard (1...3).contains(part.count), !leadsWithZero else { return nil }
      var number: UInt32 = 0
      for character in part {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character) else { return nil }
        number = number * 10 + UInt32(character - UInt8(ascii: "0"))
      }
      guard number <= 255 else { return nil }
      value = value << 8 | number
    }
    self.init(rawValue: value)
  }
}

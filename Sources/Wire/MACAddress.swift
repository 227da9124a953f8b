/// An Ethernet address: 48 bits, the first byte of the wire in the highest place.
@frozen public struct MACAddress: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The address in the low 48 bits; the high 16 bits are 0.
  public let rawValue: UInt64

  /// The address in the low 48 bits of `rawValue`; higher bits are dropped.
  @inlinable @inline(__always)
  public init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

  /// The address with these six bytes, in the order of the wire.
  @inlinable
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ e: UInt8, _ f: UInt8) {
    let high = UInt64(a) &<< 40 | UInt64(b) &<< 32 | UInt64(c) &<< 24
    rawValue = high | UInt64(d) &<< 16 | UInt64(e) &<< 8 | UInt64(f)
  }

  /// The address with these bytes, in the order of the wire; nil unless there are six.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 6 else { return nil }
    self.init(rawValue: bytes.reduce(0) { $0 &<< 8 | UInt64($1) })
  }

  /// ff:ff:ff:ff:ff:ff, every station.
  @inlinable public static var broadcast: MACAddress { MACAddress(rawValue: .max) }

  /// Whether this is ff:ff:ff:ff:ff:ff.
  @inlinable public var isBroadcast: Bool { self == .broadcast }

  /// Whether a group is meant (the I/G bit); true for broadcast as well.
  @inlinable public var isMulticast: Bool { rawValue & 0x0100_0000_0000 != 0 }

  /// Whether the address was chosen locally, not by a manufacturer (the U/L bit).
  @inlinable public var isLocal: Bool { rawValue & 0x0200_0000_0000 != 0 }
}

extension MACAddress: LosslessStringConvertible {
  /// The address as text: six pairs of hexadecimal digits, lower case, with colons.
  public var description: String {
    var text = ""
    for shift in stride(from: UInt64(40), through: 0, by: -8) {
      let byte = UInt8(truncatingIfNeeded: rawValue &>> shift)
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16) + (shift == 0 ? "" : ":")
    }
    return text
  }

  /// Reads six pairs of hexadecimal digits, all separated by colons or all by hyphens.
  public init?(_ text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 17 else { return nil }
    let separator = digits[2]
    guard separator == UInt8(ascii: ":") || separator == UInt8(ascii: "-") else { return nil }
    var value: UInt64 = 0
    for (index, character) in digits.enumerated() {
      if index % 3 == 2 {
        guard character == separator else { return nil }
      } else {
        guard let digit = hexadecimalDigit(character) else { return nil }
        value = value << 4 | UInt64(digit)
      }
    }
    self.init(rawValue: value)
  }
}

/// What one hexadecimal digit stands for, nil if `character` is none.
func hexadecimalDigit(_ character: UInt8) -> UInt8? {
  switch character {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
  default: nil
  }
}

extension ByteView where Self: ~Copyable & ~Escapable {
  /// The six bytes at `offset`.
  @inlinable @inline(__always)
  func loadMAC(_ offset: Int) -> MACAddress {
    MACAddress(rawValue: UInt64(load16(offset)) &<< 32 | UInt64(load32(offset &+ 2)))
  }
}

extension MutableByteView where Self: ~Copyable & ~Escapable {
  /// Writes the six bytes at `offset`.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func storeMAC(_ address: MACAddress, at offset: Int) {
    storeBig(UInt16(truncatingIfNeeded: address.rawValue &>> 32), at: offset)
    storeBig(UInt32(truncatingIfNeeded: address.rawValue), at: offset &+ 2)
  }
}

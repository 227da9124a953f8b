public import Wire

/// Addresses that begin with the same bits, such as 10.0.0.0/8 or 2001:db8::/32.
public enum AddressPrefix: Sendable, Hashable {
  /// IPv4 addresses that agree in their first `length` bits, 0 to 32.
  case v4(IPv4Address, length: Int)
  /// IPv6 addresses that agree in their first `length` bits, 0 to 128.
  case v6(IPv6Address, length: Int)

  /// One IPv4 address.
  public init(_ address: IPv4Address) { self = .v4(address, length: 32) }

  /// One IPv6 address.
  public init(_ address: IPv6Address) { self = .v6(address, length: 128) }

  /// How many bits count.
  public var length: Int {
    switch self {
    case .v4(_, let length), .v6(_, let length): length
    }
  }

  /// Whether the length is one that the address can have.
  var isSound: Bool {
    switch self {
    case .v4(_, let length): (0...32).contains(length)
    case .v6(_, let length): (0...128).contains(length)
    }
  }

  /// Whether it is one address alone.
  public var isHost: Bool {
    switch self {
    case .v4(_, let length): length == 32
    case .v6(_, let length): length == 128
    }
  }
}

extension AddressPrefix: LosslessStringConvertible {
  /// The address, and behind a slash the length if it is not one address alone.
  public var description: String {
    switch canonical {
    case .v4(let address, let length): isHost ? "\(address)" : "\(address)/\(length)"
    case .v6(let address, let length): isHost ? "\(address)" : "\(address)/\(length)"
    }
  }

  /// Reads an address, or an address with a length behind a slash; bits beyond the length must be
  /// 0.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = parts.first else { return nil }
    var length: Int?
    if parts.count == 2 {
      guard parts[1].utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
        let number = Int(parts[1])
      else { return nil }
      length = number
    }
    if let address = IPv4Address(String(first)) {
      self = .v4(address, length: length ?? 32)
    } else if let address = IPv6Address(String(first)) {
      self = .v6(address, length: length ?? 128)
    } else {
      return nil
    }
    guard isSound, self == canonical else { return nil }
  }

  /// The same addresses, with the bits beyond the length 0.
  public var canonical: AddressPrefix {
    switch self {
    case .v4(let address, let length):
      .v4(IPv4Address(rawValue: address.rawValue & UInt32.leading(length)), length: length)
    case .v6(let address, let length):
      .v6(
        IPv6Address(
          high: address.high & UInt64.leading(min(64, length)),
          low: address.low & UInt64.leading(max(0, length - 64))),
        length: length)
    }
  }
}

extension FixedWidthInteger {
  /// A number whose highest `count` bits alone are set.
  static func leading(_ count: Int) -> Self {
    let rest = bitWidth - Swift.min(count, bitWidth)
    return ~(0 as Self) << rest
  }
}

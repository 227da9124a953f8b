extension IPv6Address: LosslessStringConvertible {
  /// The address as RFC 5952 wants it: lower case, the longest run of zero groups as "::".
  public var description: String {
    if let mapped { return "::ffff:\(mapped)" }
    let gap = longestZeroRun
    var text = ""
    var index = 0
    while index < 8 {
      if index == gap.lowerBound && !gap.isEmpty {
        text += "::"
        index = gap.upperBound
      } else {
        if !text.isEmpty && !text.hasSuffix(":") { text += ":" }
        text += String(group(index), radix: 16)
        index += 1
      }
    }
    return text
  }

  /// Where the first of the longest runs of at least two zero groups lies; empty if there is none.
  private var longestZeroRun: Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in 0..<8 {
      guard group(index) == 0 else {
        start = index + 1
        continue
      }
      let length = index + 1 - start
      if length > 1 && length > longest.count { longest = start..<index + 1 }
    }
    return longest
  }

  /// Reads the forms of RFC 4291: eight groups, "::" for missing ones, an IPv4 address at the end.
  ///
  /// A zone ("%eth0") or a prefix length ("/64") is no part of an address: nil.
  public init?(_ text: String) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false)[...]
    guard parts.count >= 3, parts.count <= 9 else { return nil }
    // A colon at either end is half of a "::".
    if parts[parts.startIndex].isEmpty {
      parts.removeFirst()
      guard parts[parts.startIndex].isEmpty else { return nil }
    }
    if parts[parts.endIndex - 1].isEmpty && parts.count > 1 {
      parts.removeLast()
      guard parts[parts.endIndex - 1].isEmpty else { return nil }
    }
    var groups: [UInt16] = []
    var gap: Int?
    for index in parts.indices {
      let part = parts[index]
      if part.isEmpty {
        guard gap == nil else { return nil }
        gap = groups.count
      } else if index == parts.endIndex - 1, part.utf8.contains(UInt8(ascii: ".")) {
        guard let address = IPv4Address(part) else { return nil }
        groups.append(UInt16(address.rawValue >> 16))
        groups.append(UInt16(truncatingIfNeeded: address.rawValue))
      } else {
        guard let group = Self.group(part) else { return nil }
        groups.append(group)
      }
    }
    if let gap {
      guard groups.count < 8 else { return nil }
      groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
    }
    guard groups.count == 8 else { return nil }
    self.init(high: Self.half(groups[0..<4]), low: Self.half(groups[4..<8]))
  }

  /// One to four hexadecimal digits.
  private static func group(_ text: Substring) -> UInt16? {
    guard (1...4).contains(text.utf8.count) else { return nil }
    var value: UInt16 = 0
    for character in text.utf8 {
      guard let digit = hexadecimalDigit(character) else { return nil }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  /// Four groups as one half of the address.
  private static func half(_ groups: ArraySlice<UInt16>) -> UInt64 {
    groups.reduce(0) { $0 << 16 | UInt64($1) }
  }
}

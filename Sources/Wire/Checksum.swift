/// The Internet checksum (RFC 1071): a running ones' complement sum of 16-bit words.
///
/// The sum is kept wide and folded at the end; 2^32 additions fit before it could overflow.
@frozen public struct Checksum: Sendable, BitwiseCopyable {
  /// The sum so far, of words in host byte order, not folded.
  @usableFromInline var sum: UInt64

  /// A sum of nothing.
  @inlinable @inline(__always)
  public init() { sum = 0 }

  /// Adds one word.
  @inlinable @inline(__always)
  public mutating func add(_ word: UInt16) { sum &+= UInt64(word) }

  /// Adds two words.
  @inlinable @inline(__always)
  public mutating func add(_ words: UInt32) { sum &+= UInt64(words) }

  /// Adds four words.
  @inlinable @inline(__always)
  public mutating func add(_ words: UInt64) {
    sum &+= (words & 0xFFFF_FFFF) &+ (words &>> 32)
  }

  /// Adds all of `bytes`, an odd last one as the high half of a word.
  ///
  /// So only the last piece of several may have an odd length.
  /// Cost: one 64-bit load per eight bytes.
  @inlinable
  public mutating func add(_ bytes: RawSpan) {
    // In memory order: the sum of swapped words is the swapped sum (RFC 1071, 2.B). The halves of
    // each load are added apart, so no carry is lost and the loop has no branch.
    var even: UInt64 = 0
    var odd: UInt64 = 0
    let count = bytes.byteCount
    let whole = count & ~7
    var offset = 0
    while offset != whole {
      let words = bytes.load(offset, as: UInt64.self)
      even &+= words & 0xFFFF_FFFF
      odd &+= words &>> 32
      offset &+= 8
    }
    if count & 4 != 0 {
      even &+= UInt64(bytes.load(offset, as: UInt32.self))
      offset &+= 4
    }
    if count & 2 != 0 {
      even &+= UInt64(bytes.load(offset, as: UInt16.self))
      offset &+= 2
    }
    if count & 1 != 0 {
      even &+= UInt64(UInt16(bytes.load8(offset)).littleEndian)
    }
    sum &+= UInt64(Self.fold(even &+ odd).bigEndian)
  }

  /// The ones' complement sum; over bytes that include a right checksum it is 0xFFFF.
  @inlinable public var folded: UInt16 {
    @inline(__always) get { Self.fold(sum) }
  }

  /// The checksum: the complement of the sum.
  @inlinable public var value: UInt16 {
    @inline(__always) get { ~folded }
  }

  /// The checksum over `bytes`.
  @inlinable
  public static func of(_ bytes: RawSpan) -> UInt16 {
    var checksum = Checksum()
    checksum.add(bytes)
    return checksum.value
  }

  /// A wide sum as one word: what overflows at the top comes back in at the bottom.
  @inlinable @inline(__always)
  static func fold(_ sum: UInt64) -> UInt16 {
    var sum = (sum & 0xFFFF_FFFF) &+ (sum &>> 32)
    sum = (sum & 0xFFFF) &+ (sum &>> 16)
    sum = (sum & 0xFFFF) &+ (sum &>> 16)
    sum = (sum & 0xFFFF) &+ (sum &>> 16)
    return UInt16(truncatingIfNeeded: sum)
  }
}

/// Incremental updates (RFC 1624, equation 3): the bytes that did not change need not be read.
///
/// A wrong checksum stays wrong by the same amount. For UDP, leave a checksum of 0 alone and send a
/// result of 0 as 0xFFFF.
extension Checksum {
  /// `checksum` after the word `old` became `new`.
  @inlinable @inline(__always)
  public static func updated(
    _ checksum: UInt16, replacing old: UInt16, with new: UInt16
  ) -> UInt16 {
    // Three words: two foldings do.
    var sum = UInt32(~checksum) &+ UInt32(~old) &+ UInt32(new)
    sum = (sum & 0xFFFF) &+ (sum &>> 16)
    sum = (sum & 0xFFFF) &+ (sum &>> 16)
    return ~UInt16(truncatingIfNeeded: sum)
  }

  /// `checksum` after the two words `old`, at an even offset, became `new`.
  @inlinable @inline(__always)
  public static func updated(
    _ checksum: UInt16, replacing old: UInt32, with new: UInt32
  ) -> UInt16 {
    ~fold(UInt64(~checksum) &+ UInt64(~old) &+ UInt64(new))
  }

  /// `checksum` after the address `old` became `new`.
  @inlinable @inline(__always)
  public static func updated(
    _ checksum: UInt16, replacing old: IPv4Address, with new: IPv4Address
  ) -> UInt16 {
    updated(checksum, replacing: old.rawValue, with: new.rawValue)
  }

  /// `checksum` after the address `old` became `new`.
  @inlinable
  public static func updated(
    _ checksum: UInt16, replacing old: IPv6Address, with new: IPv6Address
  ) -> UInt16 {
    var sum = Checksum()
    sum.add(~checksum)
    sum.add(~old.high)
    sum.add(~old.low)
    sum.add(new.high)
    sum.add(new.low)
    return sum.value
  }
}

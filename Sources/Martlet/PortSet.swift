/// A set of ports by number, 0 to 127: two words, so that asking and adding cost next to nothing.
@frozen @usableFromInline struct PortSet: Equatable {
  @usableFromInline var low: UInt64 = 0
  @usableFromInline var high: UInt64 = 0

  @inlinable @inline(__always)
  init() {}

  @inlinable var isEmpty: Bool {
    @inline(__always) get { low | high == 0 }
  }

  @inlinable @inline(__always)
  func contains(_ index: Int) -> Bool {
    let word = index < 64 ? low : high
    return word &>> UInt64(truncatingIfNeeded: index & 63) & 1 != 0
  }

  @inlinable @inline(__always)
  mutating func insert(_ index: Int) {
    let bit = UInt64(1) &<< UInt64(truncatingIfNeeded: index & 63)
    if index < 64 { low |= bit } else { high |= bit }
  }

  @inlinable @inline(__always)
  mutating func remove(_ index: Int) {
    let bit = UInt64(1) &<< UInt64(truncatingIfNeeded: index & 63)
    if index < 64 { low &= ~bit } else { high &= ~bit }
  }

  /// Takes the lowest number out; nil if there is none.
  @inlinable @inline(__always)
  mutating func popFirst() -> Int? {
    if low != 0 {
      let index = low.trailingZeroBitCount
      low &= low &- 1
      return index
    }
    guard high != 0 else { return nil }
    let index = high.trailingZeroBitCount
    high &= high &- 1
    return index &+ 64
  }
}

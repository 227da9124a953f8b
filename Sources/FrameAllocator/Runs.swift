/// Arithmetic on the 64 bits of a page: a run is a sequence of set bits.
@usableFromInline enum Runs {
  /// The bits of a run of 1 to 64 that begins at bit `start` and ends at bit 63 at most.
  @inlinable @inline(__always)
  static func mask(at start: Int, count: Int) -> UInt64 {
    (~0 &>> UInt64(truncatingIfNeeded: 64 &- count)) &<< UInt64(truncatingIfNeeded: start)
  }

  /// Whether there is at most one run, as in a page that is being filled: adding its lowest bit
  /// carries beyond it.
  @inline(__always)
  static func isOne(_ bits: UInt64) -> Bool { (bits &+ (bits & (0 &- bits))) & bits == 0 }

  /// The length of the longest run, 0 to 64.
  ///
  /// Six doublings mark where runs of 1, 2, 4 ... 32 begin; the length is then found bit by bit,
  /// like a binary search.
  @inline(__always)
  static func longest(in bits: UInt64) -> Int {
    if bits == 0 { return 0 }
    // As in `isOne`.
    let carried = bits &+ (bits & (0 &- bits))
    if carried & bits == 0 {
      return carried.trailingZeroBitCount &- bits.trailingZeroBitCount
    }
    return longestOfSeveral(in: bits)
  }

  @inline(never)
  private static func longestOfSeveral(in bits: UInt64) -> Int {
    let runs1 = bits
    let runs2 = runs1 & (runs1 &>> 1)
    if runs2 == 0 { return 1 }
    let runs4 = runs2 & (runs2 &>> 2)
    let runs8 = runs4 & (runs4 &>> 4)
    let runs16 = runs8 & (runs8 &>> 8)
    let runs32 = runs16 & (runs16 &>> 16)
    var found = runs2
    var length: UInt64 = 2
    if runs32 != 0 {
      (found, length) = (runs32, 32)
    } else if runs16 != 0 {
      (found, length) = (runs16, 16)
    } else if runs8 != 0 {
      (found, length) = (runs8, 8)
    } else if runs4 != 0 {
      (found, length) = (runs4, 4)
    }
    extend(&found, &length, by: 16, where: runs16)
    extend(&found, &length, by: 8, where: runs8)
    extend(&found, &length, by: 4, where: runs4)
    extend(&found, &length, by: 2, where: runs2)
    extend(&found, &length, by: 1, where: runs1)
    return Int(truncatingIfNeeded: length)
  }

  /// Makes the runs found longer by `step` if one of them goes on that far.
  @inline(__always)
  private static func extend(
    _ found: inout UInt64, _ length: inout UInt64, by step: UInt64, where runs: UInt64
  ) {
    guard length > step else { return }
    let longer = found & (runs &>> length)
    if longer != 0 {
      found = longer
      length &+= step
    }
  }

  /// The length of the longest run that does not go over a multiple of `span` bits, 32 or 64; of
  /// the whole page if all bits are set.
  static func longest(in bits: UInt64, span: Int) -> Int {
    guard span == 32, bits != ~0 else { return longest(in: bits) }
    return max(longest(in: bits & 0xFFFF_FFFF), longest(in: bits &>> 32))
  }

  /// The first bit of the first run of at least `count` bits, 1 to 64; 64 if there is none.
  static func first(of count: Int, in bits: UInt64) -> Int {
    starts(of: count, in: bits).trailingZeroBitCount
  }

  /// The same for a run that does not go over a multiple of `span` bits, 32, 64 or 0 for none, if
  /// it is no longer than that.
  static func first(of count: Int, in bits: UInt64, span: Int) -> Int {
    let starts = starts(of: count, in: bits)
    guard span == 32, count <= 32 else { return starts.trailingZeroBitCount }
    let half: UInt64 = ~0 &>> UInt64(truncatingIfNeeded: 31 &+ count)
    return (starts & (half | half &<< 32)).trailingZeroBitCount
  }

  /// Where runs of at least `count` bits begin, 1 to 64.
  @inline(__always)
  private static func starts(of count: Int, in bits: UInt64) -> UInt64 {
    var starts = bits
    var left = count
    while left > 1 {
      let half = left &>> 1
      starts &= starts &>> UInt64(truncatingIfNeeded: half)
      left &-= half
    }
    return starts
  }
}

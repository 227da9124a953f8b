/// The free runs of eight neighbouring pages, or of as many as a node has: three bytes per page, so
/// that one operation on 64 bits looks at all pages.
///
/// A run lies inside a page, or it goes over the ends of several: then it begins with the suffix of
/// one, has any number of whole pages and ends with the prefix of another.
struct PageRow: Equatable {
  /// By page, the first in the lowest byte: the longest run, and the free granules at its start and
  /// at its end, 0 to 64.
  var longest: UInt64
  var prefix: UInt64
  var suffix: UInt64

  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let tops: UInt64 = 0x8080_8080_8080_8080
  /// The bit of 64 in each byte.
  private static let wholes: UInt64 = 0x4040_4040_4040_4040

  @inline(__always)
  init(longest: UInt64, prefix: UInt64, suffix: UInt64) {
    self.longest = longest
    self.prefix = prefix
    self.suffix = suffix
  }

  /// Notes a page's free granules.
  @inline(__always)
  mutating func set(_ page: Int, free: UInt64) {
    let shift = UInt64(truncatingIfNeeded: page &<< 3)
    let kept = ~(0xFF &<< shift)
    longest = longest & kept | UInt64(truncatingIfNeeded: Runs.longest(in: free)) &<< shift
    prefix = prefix & kept | UInt64(truncatingIfNeeded: (~free).trailingZeroBitCount) &<< shift
    suffix = suffix & kept | UInt64(truncatingIfNeeded: (~free).leadingZeroBitCount) &<< shift
  }

  /// Notes that a page's one free run, `free`, loses `count` granules at its start.
  ///
  /// What is the longest run then follows from what it was, not from the page's granules: the next
  /// search need not wait for them.
  @inline(__always)
  mutating func shorten(_ page: Int, free: UInt64, by count: Int) {
    let shift = UInt64(truncatingIfNeeded: page &<< 3)
    let less = UInt64(truncatingIfNeeded: count) &<< shift
    longest &-= less
    prefix &= ~(0xFF &<< shift)
    // Only a run that ends with the page.
    suffix &-= less & UInt64(bitPattern: Int64(bitPattern: free) &>> 63)
  }

  /// `set` where no frame lies across a multiple of `span` granules: no run goes over a page's
  /// end but from one that is wholly free to another.
  mutating func set(_ page: Int, free: UInt64, span: Int) {
    let shift = UInt64(truncatingIfNeeded: page &<< 3)
    let kept = ~(0xFF &<< shift)
    let whole = free == ~0 ? UInt64(Page.granules) &<< shift : 0
    longest =
      longest & kept | UInt64(truncatingIfNeeded: Runs.longest(in: free, span: span)) &<< shift
    prefix = prefix & kept | whole
    suffix = suffix & kept | whole
  }

  /// By page: the run that goes over its end into the next page, without what follows there.
  private var crossing: UInt64 {
    @inline(__always) get { suffix &+ prefix &>> 8 }
  }

  /// The longest run.
  var longestRun: Int {
    @inline(__always) get {
      let whole = prefix & Self.wholes
      guard whole != 0 else { return Lanes.max(longest, crossing) }
      let best = longestRun(over: whole)
      // Two pages that are not whole have no run as long as that.
      return best >= 2 &* Page.granules ? best : max(best, Lanes.max(longest, crossing))
    }
  }

  /// The longest run with one of the pages that are whole: `whole` has their bits of 64.
  @inline(__always)
  private func longestRun(over whole: UInt64) -> Int {
    var best = 0
    var left = whole
    repeat {
      // First bit of the first whole page's byte, and from there to that of the first page that is
      // not whole.
      let start = UInt64(truncatingIfNeeded: left.trailingZeroBitCount & ~7)
      let others = ~(whole &>> start) & Self.wholes
      let width = UInt64(truncatingIfNeeded: others.trailingZeroBitCount & ~7)
      let before = (suffix &<< 8) &>> start & 0xFF
      let after = prefix >> (start &+ width) & 0xFF
      best = max(best, Int(truncatingIfNeeded: before &+ width &<< 3 &+ after))
      left &= ~0 << (start &+ width)
    } while left != 0
    return best
  }

  /// Free granules at the start of all pages together, and at their end.
  var ends: (prefix: Int, suffix: Int) {
    let others = ~prefix & Self.wholes
    guard others != 0 else { return (8 * Page.granules, 8 * Page.granules) }
    let first = others.trailingZeroBitCount & ~7
    let last = others.leadingZeroBitCount & ~7
    return (
      first * 8 + Int(truncatingIfNeeded: prefix &>> UInt64(first) & 0xFF),
      last * 8 + Int(truncatingIfNeeded: suffix &>> UInt64(56 - last) & 0xFF)
    )
  }

  /// Where the first run of at least `count` begins.
  enum Place {
    /// In this page.
    case inside(Int)
    /// At this granule, counted from the first page on.
    case at(Int)
  }

  /// The first run of at least `count`, of which there is one.
  @inline(__always)
  func firstRun(of count: Int) -> Place {
    if count > Page.granules { return .at(firstLongRun(of: count)) }
    // The byte of a page that has what is wanted reaches 128.
    let rest = Self.ones &* UInt64(truncatingIfNeeded: 128 &- count)
    let inside = (longest &+ rest) & Self.tops
    let across = (crossing &+ rest) & Self.tops
    // A branch, not a minimum: by prediction the page is then known without `across`.
    let before = (inside & (0 &- inside)) &- 1
    if inside != 0, across & before == 0 { return .inside(inside.trailingZeroBitCount &>> 3) }
    let page = across.trailingZeroBitCount &>> 3
    let run = Int(truncatingIfNeeded: suffix &>> UInt64(truncatingIfNeeded: page &<< 3) & 0xFF)
    return .at((page &+ 1) &<< 6 &- run)
  }

  /// The same for a run that is longer than a page.
  private func firstLongRun(of count: Int) -> Int {
    var run = 0
    for page in 0..<8 {
      let shift = UInt64(page * 8)
      let free = Int(prefix &>> shift & 0xFF)
      if run + free >= count { return page * Page.granules - run }
      run = free == Page.granules ? run + free : Int(suffix &>> shift & 0xFF)
    }
    return 8 * Page.granules
  }
}

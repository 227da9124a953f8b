/// The pages of the whole memory, as nodes of 2^order pages: which granules are free, and where
/// runs begin.
///
/// Granules are numbered through the memory: granule `n` is the 64 bytes from address `64 * n` on.
/// A view of tables that the pool owns. A page is written by the worker that owns its node alone.
@frozen @usableFromInline struct PageMap: Sendable {
  @usableFromInline let pages: Table<Page>
  /// Pages of a node are 2^order.
  @usableFromInline let order: Int
  @usableFromInline let nodeCount: Int

  /// Pages of all nodes.
  @usableFromInline let pageCount: Int
  /// Where a frame may end to be known from its page alone: one that reaches the page's end may go
  /// on in the next page, where nodes have several.
  @usableFromInline let lastEnd: Int

  init(pages: Table<Page>, order: Int, nodeCount: Int) {
    self.pages = pages
    self.order = order
    self.nodeCount = nodeCount
    pageCount = nodeCount << order
    lastEnd = order == 0 ? Page.granules : Page.granules - 1
  }

  /// Granules of a node.
  var nodeGranules: Int {
    @inline(__always) get { Page.granules &<< order }
  }

  /// The node that a granule lies in.
  @inlinable @inline(__always)
  func node(of granule: Int) -> Int { granule &>> (6 &+ order) }

  /// First granule of a node.
  @inline(__always)
  func first(of node: Int) -> Int { node &<< (6 &+ order) }

  /// First page of a node.
  @inline(__always)
  func firstPage(of node: Int) -> Int { node &<< order }
}

extension PageMap {
  /// Whether nothing of the node is in use.
  func isWhole(_ node: Int) -> Bool { longestRun(of: node) == nodeGranules }

  /// Takes granules out of use or into it.
  @inline(__always)
  func set(_ granules: Range<Int>, free isFree: Bool) {
    forEachPage(of: granules) { page, bits in
      if isFree {
        assert(pages[page].free & bits == 0, "granules freed twice")
        pages[page].free |= bits
      } else {
        assert(pages[page].free & bits == bits, "granules taken twice")
        pages[page].free &= ~bits
      }
      updateTree(page)
    }
  }

  /// Runs `body` for each page that the granules lie on, with their bits.
  @inline(__always)
  private func forEachPage(of granules: Range<Int>, _ body: (Int, UInt64) -> Void) {
    var granule = granules.lowerBound
    while granule < granules.upperBound {
      let offset = granule & 63
      let count = min(Page.granules &- offset, granules.upperBound &- granule)
      body(granule &>> 6, Runs.mask(at: offset, count: count))
      granule &+= count
    }
  }

  /// First granule of the run that `granule` lies in, or nil if that is free.
  @inline(__always)
  func base(of granule: Int) -> Int? {
    var page = granule &>> 6
    let offset = UInt64(truncatingIfNeeded: granule & 63)
    guard (pages[page].free &>> offset) & 1 == 0 else { return nil }
    var heads = pages[page].heads & (~0 &>> (63 &- offset))
    // A run goes back over pages of its node only, and every used run has a head.
    while heads == 0 {
      guard page & ((1 &<< order) &- 1) != 0 else { return nil }
      page &-= 1
      heads = pages[page].heads
    }
    return page &<< 6 | (63 &- heads.leadingZeroBitCount)
  }

  /// Granules of the run that begins at `base`.
  @inline(__always)
  func length(at base: Int) -> Int {
    let end = (node(of: base) &+ 1) &<< order
    var page = base &>> 6
    var stops =
      (pages[page].heads | pages[page].free) & (~1 &<< UInt64(truncatingIfNeeded: base & 63))
    while stops == 0, page &+ 1 < end {
      page &+= 1
      stops = pages[page].heads | pages[page].free
    }
    return page &<< 6 &+ stops.trailingZeroBitCount &- base
  }
}

extension PageMap {
  /// The free runs of a stretch of pages: what two stretches say together follows from what each
  /// says.
  private struct Stretch {
    /// Free granules at the stretch's start and end, and the longest run in it.
    var prefix: Int
    var suffix: Int
    var longest: Int

    @inline(__always)
    init(prefix: Int, suffix: Int, longest: Int) {
      self.prefix = prefix
      self.suffix = suffix
      self.longest = longest
    }

    @inline(__always)
    init(free: UInt64, longest: Int) {
      prefix = (~free).trailingZeroBitCount
      suffix = (~free).leadingZeroBitCount
      self.longest = longest
    }

    @inline(__always)
    init(bits: UInt64) {
      prefix = Int(truncatingIfNeeded: bits & 0xFFFF)
      suffix = Int(truncatingIfNeeded: bits &>> 16 & 0xFFFF)
      longest = Int(truncatingIfNeeded: bits &>> 32 & 0xFFFF)
    }

    var bits: UInt64 {
      @inline(__always) get {
        UInt64(truncatingIfNeeded: prefix | suffix &<< 16 | longest &<< 32)
      }
    }

    /// This stretch with `next` behind it; both have `length` granules.
    @inline(__always)
    func followed(by next: Stretch, length: Int) -> Stretch {
      Stretch(
        prefix: prefix == length ? length &+ next.prefix : prefix,
        suffix: next.suffix == length ? length &+ suffix : next.suffix,
        longest: max(longest, next.longest, suffix &+ next.prefix))
    }
  }

  // A node's tree stands in the links of its pages but the first: link 1 is the root, links 2n and
  // 2n + 1 are the halves of link n, and below the last level come the pages themselves. The links
  // of the last level also have the longest run of each of their two pages, so that a change to one
  // page does not cost a look at the other.

  /// The longest run of a page (0 on the left, 1 on the right) as a link of the last level has it.
  @inline(__always)
  private static func longest(ofPage side: Int, in bits: UInt64) -> Int {
    Int(truncatingIfNeeded: bits &>> (48 &+ 8 &* UInt64(truncatingIfNeeded: side)) & 0xFF)
  }

  /// Brings the tree of a page's node up to date after its mask changed, from the page upwards, as
  /// far as something changes.
  @inline(__always)
  private func updateTree(_ page: Int) {
    guard order > 0 else { return }
    let first = page & ~((1 &<< order) &- 1)
    var place = ((page &- first) &+ (1 &<< order)) &>> 1
    let old = pages[first &+ place].link
    let own = Runs.longest(in: pages[page].free)
    let isLeft = page & 1 == 0
    let left = isLeft ? own : Self.longest(ofPage: 0, in: old)
    let right = isLeft ? Self.longest(ofPage: 1, in: old) : own
    var whole = Stretch(free: pages[page & ~1].free, longest: left)
      .followed(by: Stretch(free: pages[page | 1].free, longest: right), length: Page.granules)
    let bits = whole.bits | UInt64(truncatingIfNeeded: left | right &<< 8) &<< 48
    guard bits != old else { return }
    pages[first &+ place].link = bits
    var length = Page.granules
    while place != 1 {
      let other = Stretch(bits: pages[first &+ (place ^ 1)].link)
      length &<<= 1
      whole =
        place & 1 == 0
        ? whole.followed(by: other, length: length) : other.followed(by: whole, length: length)
      place &>>= 1
      guard pages[first &+ place].link != whole.bits else { return }
      pages[first &+ place].link = whole.bits
    }
  }

  /// Makes every granule of the node free, with no runs.
  func reset(_ node: Int) {
    for page in firstPage(of: node)..<firstPage(of: node + 1) {
      pages[page] = Page(free: ~0, starts: 0, marks: 0, link: 0)
    }
    for page in firstPage(of: node)..<firstPage(of: node + 1) { updateTree(page) }
  }

  /// Granules of the longest free run of the node.
  @inline(__always)
  func longestRun(of node: Int) -> Int {
    order == 0
      ? Runs.longest(in: pages[node].free)
      : Stretch(bits: pages[firstPage(of: node) &+ 1].link).longest
  }

  /// First granule of the first free run of at least `count` in the node, which has one.
  @inline(__always)
  func firstRun(of count: Int, in node: Int) -> Int {
    guard order > 0 else { return first(of: node) &+ Runs.first(of: count, in: pages[node].free) }
    let base = firstPage(of: node)
    let half = 1 &<< (order &- 1)
    var place = 1
    var start = first(of: node)
    var length = nodeGranules
    while place < half {
      place &<<= 1
      length &>>= 1
      let left = Stretch(bits: pages[base &+ place].link)
      if left.longest >= count { continue }
      let right = Stretch(bits: pages[base &+ place &+ 1].link)
      if left.suffix &+ right.prefix >= count { return start &+ length &- left.suffix }
      place &+= 1
      start &+= length
    }
    // Down to two pages: the first, both or the second.
    let page = start &>> 6
    let left = Stretch(
      free: pages[page].free, longest: Self.longest(ofPage: 0, in: pages[base &+ place].link))
    if left.longest < count {
      let second = pages[page &+ 1].free
      if left.suffix &+ (~second).trailingZeroBitCount >= count {
        return start &+ Page.granules &- left.suffix
      }
      return start &+ Page.granules &+ Runs.first(of: count, in: second)
    }
    return start &+ Runs.first(of: count, in: pages[page].free)
  }
}

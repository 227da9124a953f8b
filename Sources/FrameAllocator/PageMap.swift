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
  @inlinable var pageCount: Int {
    @inline(__always) get { nodeCount &<< order }
  }

  /// Granules of a node.
  var nodeGranules: Int { Page.granules << order }

  /// The node that a granule lies in.
  @inlinable @inline(__always)
  func node(of granule: Int) -> Int { granule &>> (6 &+ order) }

  /// First granule of a node.
  func first(of node: Int) -> Int { node << (6 + order) }

  /// First page of a node.
  func firstPage(of node: Int) -> Int { node << order }
}

extension PageMap {
  /// Whether nothing of the node is in use.
  func isWhole(_ node: Int) -> Bool { longestRun(of: node) == nodeGranules }

  /// Takes granules out of use or into it.
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
  private func forEachPage(of granules: Range<Int>, _ body: (Int, UInt64) -> Void) {
    var granule = granules.lowerBound
    while granule < granules.upperBound {
      let offset = granule & 63
      let count = min(Page.granules - offset, granules.upperBound - granule)
      body(granule >> 6, Runs.mask(at: offset, count: count))
      granule += count
    }
  }

  /// First granule of the run that `granule` lies in, or nil if that is free.
  func base(of granule: Int) -> Int? {
    var page = granule >> 6
    guard pages[page].free >> UInt64(granule & 63) & 1 == 0 else { return nil }
    var heads = pages[page].heads & (~0 >> UInt64(63 - granule & 63))
    // A run goes back over pages of its node only, and every used run has a head.
    while heads == 0 {
      guard page & (1 << order - 1) != 0 else { return nil }
      page -= 1
      heads = pages[page].heads
    }
    return page << 6 | (63 - heads.leadingZeroBitCount)
  }

  /// Granules of the run that begins at `base`.
  func length(at base: Int) -> Int {
    let end = (node(of: base) + 1) << order
    var page = base >> 6
    var stops = (pages[page].heads | pages[page].free) & (~1 << UInt64(base & 63))
    while stops == 0, page + 1 < end {
      page += 1
      stops = pages[page].heads | pages[page].free
    }
    return page << 6 + stops.trailingZeroBitCount - base
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

    init(prefix: Int, suffix: Int, longest: Int) {
      self.prefix = prefix
      self.suffix = suffix
      self.longest = longest
    }

    init(page: Page) {
      prefix = (~page.free).trailingZeroBitCount
      suffix = (~page.free).leadingZeroBitCount
      longest = Runs.longest(in: page.free)
    }

    init(bits: UInt64) {
      prefix = Int(bits & 0xFFFF)
      suffix = Int(bits >> 16 & 0xFFFF)
      longest = Int(bits >> 32)
    }

    var bits: UInt64 { UInt64(prefix) | UInt64(suffix) << 16 | UInt64(longest) << 32 }

    /// This stretch with `next` behind it; both have `length` granules.
    func followed(by next: Stretch, length: Int) -> Stretch {
      Stretch(
        prefix: prefix == length ? length + next.prefix : prefix,
        suffix: next.suffix == length ? length + suffix : next.suffix,
        longest: max(longest, next.longest, suffix + next.prefix))
    }
  }

  // A node's tree stands in the links of its pages but the first: link 1 is the root, links 2n and
  // 2n + 1 are the halves of link n, and below the last level come the pages themselves.

  private func stretch(_ place: Int, of node: Int) -> Stretch {
    let count = 1 << order
    let first = firstPage(of: node)
    return place < count
      ? Stretch(bits: pages[first + place].link) : Stretch(page: pages[first + place - count])
  }

  /// Brings the tree of a page's node up to date after its mask changed.
  private func updateTree(_ page: Int) {
    guard order > 0 else { return }
    let node = page >> order
    var place = (page & (1 << order - 1) + 1 << order) >> 1
    var length = Page.granules
    while place > 0 {
      let whole = stretch(2 * place, of: node)
        .followed(by: stretch(2 * place + 1, of: node), length: length)
      pages[firstPage(of: node) + place].link = whole.bits
      place >>= 1
      length <<= 1
    }
  }

  /// Makes every granule of the node free, with no runs.
  func reset(_ node: Int) {
    for page in firstPage(of: node)..<firstPage(of: node + 1) {
      pages[page] = Page(free: ~0, starts: 0, marks: 0, link: 0)
    }
    guard order > 0 else { return }
    var page = firstPage(of: node)
    while page < firstPage(of: node + 1) {
      updateTree(page)
      page += 2
    }
  }

  /// Granules of the longest free run of the node.
  func longestRun(of node: Int) -> Int {
    order == 0 ? Runs.longest(in: pages[node].free) : stretch(1, of: node).longest
  }

  /// First granule of the first free run of at least `count` in the node, which has one.
  func firstRun(of count: Int, in node: Int) -> Int {
    var place = 1
    var start = first(of: node)
    var length = nodeGranules
    while place < 1 << order {
      place *= 2
      length >>= 1
      let left = stretch(place, of: node)
      if left.longest >= count { continue }
      let right = stretch(place + 1, of: node)
      if left.suffix + right.prefix >= count { return start + length - left.suffix }
      place += 1
      start += length
    }
    return start + Runs.first(of: count, in: pages[start >> 6].free)
  }
}

/// The pages of the whole memory, as nodes of 2^order pages: which granules are free, and where
/// runs begin.
///
/// Granules are numbered through the memory: granule `n` is the 64 bytes from address `64 * n` on.
/// A view of tables that the pool owns. A page is written by the worker that owns its node alone.
@frozen @usableFromInline struct PageMap: Sendable {
  @usableFromInline let pages: Table<Page>
  /// By page: granules that belong to no frame.
  let free: Table<UInt64>
  /// By page: where a frame ends at most that may wait in a magazine when its owner releases it;
  /// 0 while none may, because the page has a long free run, see `NodeLists`.
  @usableFromInline let ends: Table<UInt8>
  /// A node's place in a list, by its first page; by the others, what it knows about its free runs.
  let links: Table<UInt64>
  /// Pages of a node are 2^order.
  @usableFromInline let order: Int
  /// How free runs are found: the order, 0 to 9; or, where frames have one, their span, 32 or 64.
  let search: Int

  /// Pages of all nodes.
  @usableFromInline let pageCount: Int
  /// Where a frame may end to be known from its page alone: one that reaches the page's end may go
  /// on in the next page, where nodes have several.
  @usableFromInline let lastEnd: UInt8

  init(order: Int, nodeCount: Int, span: Int, memory: TableMemory) {
    self.order = order
    search = span == 0 ? order : span
    pageCount = nodeCount << order
    pages = memory.table(of: Page.self, count: pageCount)
    free = memory.table(of: UInt64.self, count: pageCount)
    ends = memory.table(of: UInt8.self, count: pageCount)
    links = memory.table(of: UInt64.self, count: pageCount)
    lastEnd = order == 0 || span != 0 ? 64 : 63
    for page in 0..<pageCount { ends[page] = lastEnd }
  }

  /// Nodes of the memory.
  var nodeCount: Int { pageCount &>> order }

  /// Granules whose multiples no frame lies across: 32 or 64; 0 if a frame may lie anywhere in its
  /// node.
  var span: Int { search > 9 ? search : 0 }

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

  /// Takes granules out of use, or into it as belonging to a frame that begins in front of them.
  @inline(__always)
  func set(_ granules: Range<Int>, free isFree: Bool) {
    forEachPage(of: granules) { page, bits in
      if isFree {
        assert(free[page] & bits == 0, "granules freed twice")
        pages[page].inside &= ~bits
        free[page] |= bits
      } else {
        assert(free[page] & bits == bits, "granules taken twice")
        pages[page].inside |= bits
        free[page] &= ~bits
      }
      updateRow(of: page)
    }
  }

  /// Begins a frame at a granule that is in use.
  @inline(__always)
  func begin(_ granule: Int, isHeld: Bool) {
    let bit = UInt64(1) &<< UInt64(truncatingIfNeeded: granule & 63)
    pages[granule &>> 6].inside &= ~bit
    if isHeld { pages[granule &>> 6].held |= bit }
  }

  /// Notes whether the application has the packed frame that begins at `base`.
  @inline(__always)
  func setHeld(_ isHeld: Bool, at base: Int) {
    let bit = UInt64(1) &<< UInt64(truncatingIfNeeded: base & 63)
    if isHeld {
      pages[base &>> 6].held |= bit
    } else {
      pages[base &>> 6].held &= ~bit
    }
  }

  /// Whether a packed frame begins at a granule and the application has it.
  @inline(__always)
  func isHeld(at granule: Int) -> Bool { pages[granule &>> 6].isHeld(at: granule) }

  /// Where frames of a page begin.
  func heads(of page: Int) -> UInt64 { ~(pages[page].inside | free[page]) }

  /// Whether a frame begins at a granule that is no packed frame of the application's.
  func isElsewhere(_ granule: Int) -> Bool {
    (heads(of: granule >> 6) & ~pages[granule >> 6].held) >> UInt64(granule & 63) & 1 == 1
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
    guard (free[page] &>> offset) & 1 == 0 else { return nil }
    // Free granules are not inside of frames either, but there are none between here and the head.
    var heads = ~pages[page].inside & (~0 &>> (63 &- offset))
    // A run goes back over pages of its node only, and every used run has a head.
    while heads == 0 {
      guard page & ((1 &<< order) &- 1) != 0 else { return nil }
      page &-= 1
      heads = ~pages[page].inside
    }
    return page &<< 6 | (63 &- heads.leadingZeroBitCount)
  }

  /// Granules of the run that begins at `base`.
  @inline(__always)
  func length(at base: Int) -> Int {
    let end = (node(of: base) &+ 1) &<< order
    var page = base &>> 6
    // Frames end at the next head or free granule.
    var stops = ~pages[page].inside & (~1 &<< UInt64(truncatingIfNeeded: base & 63))
    while stops == 0, page &+ 1 < end {
      page &+= 1
      stops = ~pages[page].inside
    }
    return page &<< 6 &+ stops.trailingZeroBitCount &- base
  }
}

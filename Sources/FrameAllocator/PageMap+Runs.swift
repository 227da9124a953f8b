extension PageMap {
  // What a node of several pages knows about its free runs stands in the links of its pages but the
  // first: the row of its pages, see `PageRow`. A node of 512 pages has 64 rows, and above them a
  // tree of stretches: stretch 1 is the node, stretches 2n and 2n + 1 are the halves of stretch n,
  // and 64 to 127 are the rows.
  //
  // Where frames have a span, a run counts as far as a frame may lie in it: it ends at a multiple
  // of the span. A page that is wholly free counts as a run of its length all the same, and so do
  // several in a row: whoever looks for a run no longer than the span finds one at its start.

  /// Makes every granule of the node free, with no runs.
  func reset(_ node: Int) {
    for page in firstPage(of: node)..<firstPage(of: node + 1) {
      pages[page] = Page()
      free[page] = ~0
      links[page] = 0
    }
    guard order > 0 else { return }
    for page in firstPage(of: node)..<firstPage(of: node + 1) { updateRow(of: page) }
  }

  /// Granules of the longest free run of the node.
  @inline(__always)
  func longestRun(of node: Int) -> Int {
    if search == 0 { return Runs.longest(in: free[node]) }
    if search <= 3 { return row(from: firstPage(of: node)).longestRun }
    if order > 3 { return stretch(1, from: firstPage(of: node)).longest }
    return longestSpannedRun(of: node)
  }

  // What is for spans alone stands in functions of its own, so that the others stay small.

  @inline(never)
  private func longestSpannedRun(of node: Int) -> Int {
    order == 0
      ? Runs.longest(in: free[node], span: span) : row(from: firstPage(of: node)).longestRun
  }

  /// First granule of the first free run of at least `count` in a page, which has one.
  @inline(__always)
  private func firstRun(of count: Int, inPage page: Int) -> Int {
    let place =
      search > 9
      ? firstSpannedRun(of: count, inPage: page) : Runs.first(of: count, in: free[page])
    return page &<< 6 &+ place
  }

  @inline(never)
  private func firstSpannedRun(of count: Int, inPage page: Int) -> Int {
    Runs.first(of: count, in: free[page], span: span)
  }

  @inline(never)
  private func setSpanned(_ row: PageRow, _ place: Int, page: Int) -> PageRow {
    var row = row
    row.set(place, free: free[page], span: span)
    return row
  }

  /// First granule of the first free run of at least `count` in the node, which has one.
  @inline(__always)
  func firstRun(of count: Int, in node: Int) -> Int {
    if order == 0 { return firstRun(of: count, inPage: node) }
    let page = firstPage(of: node)
    return order <= 3 ? firstRun(of: count, inRow: page) : firstRun(of: count, inTree: page)
  }

  @inline(__always)
  private func firstRun(of count: Int, inRow first: Int) -> Int {
    switch row(from: first).firstRun(of: count) {
    case .inside(let page):
      firstRun(of: count, inPage: first &+ page)
    case .at(let granule): first &<< 6 &+ granule
    }
  }

  /// Pages of a row.
  private var rowMask: Int {
    @inline(__always) get { order < 3 ? (1 &<< order) &- 1 : 7 }
  }

  @inline(__always)
  private func row(from first: Int) -> PageRow { row(from: first, order: order) }

  /// The row that begins with page `first`; whoever knows the order says so.
  @inline(__always)
  func row(from first: Int, order: Int) -> PageRow {
    let link = links[first &+ 1]
    // Two pages have one link for it.
    if order == 1 {
      return PageRow(
        longest: link & 0xFFFF, prefix: link &>> 16 & 0xFFFF, suffix: link &>> 32 & 0xFFFF)
    }
    return PageRow(
      longest: link, prefix: links[first &+ 2], suffix: links[first &+ 3])
  }

  /// Brings the row of a page up to date after its mask changed, and the tree above it.
  @inline(__always)
  func updateRow(of page: Int) {
    guard order > 0 else { return }
    let place = page & rowMask
    let first = page &- place
    var row = row(from: first)
    if search <= 9 {
      row.set(place, free: free[page])
    } else {
      row = setSpanned(row, place, page: page)
    }
    store(row, from: first, order: order)
    if order > 3 { updateTree(of: first, row) }
  }

  @inline(__always)
  private func store(_ row: PageRow, from first: Int, order: Int) {
    if order == 1 {
      links[first &+ 1] = row.longest | row.prefix &<< 16 | row.suffix &<< 32
    } else {
      links[first &+ 1] = row.longest
      links[first &+ 2] = row.prefix
      links[first &+ 3] = row.suffix
    }
  }

  /// Makes the first free run of `count` granules inside a page a frame; gives its first bit and
  /// what is left.
  @inline(__always)
  func takeFirst(_ count: Int, of page: Int) -> (bit: Int, left: UInt64) {
    let bit = Runs.first(of: count, in: free[page])
    return (bit, take(count, at: bit, of: page))
  }

  /// Makes free granules of a page, from a bit on, a frame; gives what is left.
  @inline(__always)
  func take(_ count: Int, at bit: Int, of page: Int) -> UInt64 {
    let taken = Runs.mask(at: bit, count: count)
    // All but the lowest bit, and the lowest bit.
    pages[page].inside |= taken & (taken &- 1)
    pages[page].held |= taken & (0 &- taken)
    let left = free[page] & ~taken
    free[page] = left
    return left
  }

  /// The same as `takeFirst` for the page with number `place` of a row that is a node; gives the
  /// frame's first granule and what the row is then.
  @inline(__always)
  func takeFirst(
    _ count: Int, ofPage place: Int, of row: PageRow, from first: Int, order: Int
  ) -> (granule: Int, row: PageRow) {
    let page = first &+ place
    let free = self.free[page]
    var row = row
    let bit: Int
    if Runs.isOne(free) {
      bit = free.trailingZeroBitCount
      _ = take(count, at: bit, of: page)
      row.shorten(place, free: free, by: count)
    } else {
      let left: UInt64
      (bit, left) = takeFirst(count, of: page)
      row.set(place, free: left)
    }
    store(row, from: first, order: order)
    return (page &<< 6 | bit, row)
  }

  /// Makes granules of a page free, from a bit on; gives all that are free then.
  @inline(__always)
  func makeFree(_ bit: Int, _ count: Int, ofPage page: Int) -> UInt64 {
    let bits = Runs.mask(at: bit, count: count)
    pages[page].inside &= ~bits
    let left = free[page] | bits
    free[page] = left
    return left
  }

  /// Makes granules of one page free, where a row is a node; gives the row then.
  @inline(__always)
  func makeFree(_ granule: Int, _ count: Int, from first: Int) -> PageRow {
    var row = row(from: first)
    let page = granule &>> 6
    row.set(page &- first, free: makeFree(granule & 63, count, ofPage: page))
    store(row, from: first, order: order)
    return row
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

    init(bits: UInt64) {
      prefix = Int(truncatingIfNeeded: bits & 0xFFFF)
      suffix = Int(truncatingIfNeeded: bits &>> 16 & 0xFFFF)
      longest = Int(truncatingIfNeeded: bits &>> 32 & 0xFFFF)
    }

    var bits: UInt64 { UInt64(truncatingIfNeeded: prefix | suffix &<< 16 | longest &<< 32) }

    /// This stretch with `next` behind it; both have `length` granules.
    func followed(by next: Stretch, length: Int) -> Stretch {
      Stretch(
        prefix: prefix == length ? length &+ next.prefix : prefix,
        suffix: next.suffix == length ? length &+ suffix : next.suffix,
        longest: max(longest, next.longest, suffix &+ next.prefix))
    }
  }

  /// The page whose link has a stretch of the node that begins with page `first`: rows have it in
  /// their fifth page, what is above them in the sixth of as many rows.
  private func page(ofStretch number: Int, from first: Int) -> Int {
    number < 64 ? first &+ number &<< 3 &+ 5 : first &+ (number &- 64) &<< 3 &+ 4
  }

  private func stretch(_ number: Int, from first: Int) -> Stretch {
    Stretch(bits: links[page(ofStretch: number, from: first)])
  }

  /// Brings the tree up to date after a row changed, upwards as far as something changes.
  @inline(never)
  private func updateTree(of page: Int, _ row: PageRow) {
    let first = page & ~((1 &<< order) &- 1)
    var number = 64 &+ (page &- first) &>> 3
    let ends = row.ends
    var whole = Stretch(prefix: ends.prefix, suffix: ends.suffix, longest: row.longestRun)
    var length = 8 &* Page.granules
    while links[self.page(ofStretch: number, from: first)] != whole.bits {
      links[self.page(ofStretch: number, from: first)] = whole.bits
      guard number > 1 else { return }
      let other = stretch(number ^ 1, from: first)
      whole =
        number & 1 == 0
        ? whole.followed(by: other, length: length) : other.followed(by: whole, length: length)
      number &>>= 1
      length &<<= 1
    }
  }

  private func firstRun(of count: Int, inTree page: Int) -> Int {
    var number = 1
    var start = page &<< 6
    var length = nodeGranules
    while number < 64 {
      number &<<= 1
      length &>>= 1
      let left = stretch(number, from: page)
      if left.longest >= count { continue }
      let right = stretch(number &+ 1, from: page)
      if left.suffix &+ right.prefix >= count { return start &+ length &- left.suffix }
      number &+= 1
      start &+= length
    }
    return firstRun(of: count, inRow: start &>> 6)
  }
}

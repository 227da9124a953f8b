/// The nodes of one worker by heap, and within a heap by their longest free run: best fit in a few
/// instructions, flat in the number of sizes.
///
/// A heap is what one flow group has of normal nodes, or of reserve nodes. Nodes without a free run
/// are in no list.
@usableFromInline struct NodeLists {
  private let pages: PageMap
  /// First node of each list: node n as n + 1, none as 0, which fresh tables are.
  private let heads: Table<UInt32>
  /// A bit per list that is not empty, and a bit per such word that is not 0, where there are more
  /// than two.
  private let words: Table<UInt64>
  private let summaries: Table<UInt64>
  /// Nodes of each heap, and those of them that are wholly free.
  let nodeCounts: Table<UInt32>
  let wholeCounts: Table<UInt32>
  /// The numbers of lists and words of a heap.
  let shape: Shape

  /// How runs fall into lists: one for each length below a page's, then one for every 2^shift
  /// lengths.
  ///
  /// The last is that of wholly free nodes alone.
  struct Shape {
    let order: Int
    let shift: Int
    /// Whether a node is a page.
    let isPage: Bool
    let listCount: Int
    let wordCount: Int
    /// The list of wholly free nodes.
    let top: Int

    init(order: Int) {
      self =
        switch order {
        case 0: .page
        case 1...3: .row(order: order)
        default: Shape(order: order, shift: order - 3, listCount: 640, isPage: false)
        }
    }

    @inline(__always)
    private init(order: Int, shift: Int, listCount: Int, isPage: Bool) {
      self.order = order
      self.shift = shift
      self.isPage = isPage
      self.listCount = listCount
      wordCount = (listCount &+ 63) &>> 6
      top = Page.granules &+ (Page.granules &<< order &- Page.granules) &>> shift
    }

    // As constants they cost nothing: whoever knows the kind of nodes says so.

    /// The shape where a node is a page.
    @inline(__always) static var page: Shape {
      Shape(order: 0, shift: 0, listCount: Page.granules &+ 1, isPage: true)
    }

    /// The shape where a node is a row of 2 to 8 pages.
    @inline(__always)
    static func row(order: Int) -> Shape {
      Shape(order: order, shift: 3, listCount: 128, isPage: false)
    }

    /// The list of a node whose longest run is `run`; there is none with number 0.
    @inline(__always)
    func list(of run: Int) -> Int {
      run < Page.granules || shift == 0
        ? run : Page.granules &+ (run &- Page.granules) &>> shift
    }

    /// The first list whose every node has a run of `count`.
    @inline(__always)
    func sureList(of count: Int) -> Int {
      count < Page.granules || shift == 0
        ? count : Page.granules &+ (count &- Page.granules &+ (1 &<< shift) &- 1) &>> shift
    }
  }

  /// From here on a free run is long, where a node is a page.
  ///
  /// The page's frames then make that run longer instead of waiting in magazines: packets come to
  /// lie where they fit, not where others lay.
  private static var longRun: Int { 17 }

  init(pages: PageMap, heapCount: Int, memory: TableMemory) {
    self.pages = pages
    shape = Shape(order: pages.order)
    heads = memory.table(of: UInt32.self, count: heapCount * shape.listCount)
    words = memory.table(of: UInt64.self, count: heapCount * shape.wordCount)
    summaries = memory.table(of: UInt64.self, count: heapCount)
    nodeCounts = memory.table(of: UInt32.self, count: heapCount)
    wholeCounts = memory.table(of: UInt32.self, count: heapCount)
  }

  @inline(__always)
  private func link(of node: Int) -> NodeLink {
    NodeLink(pages.links[pages.firstPage(of: node)])
  }

  @inline(__always)
  private func setLink(_ link: NodeLink, of node: Int) {
    pages.links[pages.firstPage(of: node)] = link.bits
  }

  @inline(__always)
  private func head(_ bin: Int, of heap: Int, _ shape: Shape) -> Int {
    Int(truncatingIfNeeded: heads[heap &* shape.listCount &+ bin]) &- 1
  }
}

extension NodeLists {
  /// Takes a wholly free node into a heap.
  func add(_ node: Int, to heap: Int) {
    nodeCounts[heap] += 1
    wholeCounts[heap] += 1
    setLink(
      NodeLink(previous: NodeLink.none, next: NodeLink.none, run: 0), of: node)
    insert(node, run: pages.nodeGranules, into: shape.top, of: heap, shape)
    if shape.isPage { pages.ends[node] = 0 }
  }

  /// Lets a wholly free node go.
  func remove(_ node: Int, from heap: Int) {
    nodeCounts[heap] -= 1
    wholeCounts[heap] -= 1
    withdraw(node, link(of: node), of: heap, shape)
  }

  /// Puts a node into the list that its longest free run `run` asks for, after its masks changed.
  ///
  /// Returns whether the node has become wholly free.
  ///
  /// Every allocation and release that no magazine serves ends here. Inlined, as what it calls: a
  /// call would copy this struct.
  @inline(__always) @discardableResult
  func update(_ node: Int, of heap: Int, run: Int, _ shape: Shape) -> Bool {
    let old = NodeLink(pages.links[node &<< shape.order])
    if run == old.run { return false }
    let list = shape.list(of: run)
    if list == shape.list(of: old.run) {
      NodeLink.setRun(run, in: &pages.links[node &<< shape.order])
      return false
    }
    if shape.isPage, Self.isLong(run) != Self.isLong(old.run) {
      pages.ends[node] ^= pages.lastEnd
    }
    if old.run != 0 { withdraw(node, old, of: heap, shape) }
    if shape.list(of: old.run) == shape.top { wholeCounts[heap] &-= 1 }
    if run != 0 {
      insert(node, run: run, into: list, of: heap, shape)
    } else {
      pages.links[node &<< shape.order] =
        NodeLink(previous: NodeLink.none, next: NodeLink.none, run: 0).bits
    }
    guard list == shape.top else { return false }
    wholeCounts[heap] &+= 1
    return true
  }

  /// Notes that a free run of the node, whichever, has lost `count` granules at its start; false if
  /// the node may have to change lists.
  ///
  /// Its longest run has then lost no more than that: mostly it is in the same list still, and need
  /// not be looked for.
  @inline(__always)
  func shorten(_ node: Int, by count: Int, _ shape: Shape) -> Bool {
    let old = NodeLink(pages.links[node &<< shape.order]).run
    let run = old &- count
    // Lists begin at multiples of as many lengths as they have.
    guard run >= Page.granules, (run ^ old) &>> shape.shift == 0 else { return false }
    NodeLink.setRun(run, in: &pages.links[node &<< shape.order])
    return true
  }

  /// Puts the page that is first of the list of runs of `old` into that of `run`, which is shorter.
  ///
  /// `update` for what an allocation does: there is no neighbour in front, and the rest is known.
  @inline(__always)
  func shorten(_ page: Int, firstOf old: Int, to run: Int, of heap: Int) {
    let shape = Shape.page
    if (run &- Self.longRun) ^ (old &- Self.longRun) < 0 {
      pages.ends[page] ^= pages.lastEnd
    }
    if old == shape.top { wholeCounts[heap] &-= 1 }
    let next = NodeLink(pages.links[page]).next
    // The number of no node is -1 in 24 bits.
    heads[heap &* shape.listCount &+ old] = UInt32(truncatingIfNeeded: (next &+ 1) & NodeLink.none)
    if next == NodeLink.none {
      clear(old, of: heap, shape)
    } else {
      NodeLink.setPrevious(NodeLink.none, in: &pages.links[next])
    }
    if run != 0 {
      insert(page, run: run, into: run, of: heap, shape)
    } else {
      pages.links[page] = NodeLink(previous: NodeLink.none, next: NodeLink.none, run: 0).bits
    }
  }

  @inline(__always)
  private func insert(_ node: Int, run: Int, into list: Int, of heap: Int, _ shape: Shape) {
    let next = head(list, of: heap, shape)
    if next >= 0 {
      NodeLink.setPrevious(node, in: &pages.links[next &<< shape.order])
    }
    // The number of no node, -1, is `NodeLink.none` in 24 bits.
    pages.links[node &<< shape.order] =
      NodeLink(previous: NodeLink.none, next: next & NodeLink.none, run: run).bits
    heads[heap &* shape.listCount &+ list] = UInt32(truncatingIfNeeded: node &+ 1)
    let word = list &>> 6
    words[heap &* shape.wordCount &+ word] |= 1 &<< UInt64(truncatingIfNeeded: list)
    if shape.wordCount > 2 { summaries[heap] |= 1 &<< UInt64(truncatingIfNeeded: word) }
  }

  @inline(__always)
  private func withdraw(_ node: Int, _ old: NodeLink, of heap: Int, _ shape: Shape) {
    if old.next != NodeLink.none {
      NodeLink.setPrevious(old.previous, in: &pages.links[old.next &<< shape.order])
    }
    guard old.previous == NodeLink.none else {
      NodeLink.setNext(old.next, in: &pages.links[old.previous &<< shape.order])
      return
    }
    let list = shape.list(of: old.run)
    guard old.next == NodeLink.none else {
      heads[heap &* shape.listCount &+ list] = UInt32(truncatingIfNeeded: old.next &+ 1)
      return
    }
    heads[heap &* shape.listCount &+ list] = 0
    clear(list, of: heap, shape)
  }

  /// Notes that a list is empty.
  @inline(__always)
  private func clear(_ list: Int, of heap: Int, _ shape: Shape) {
    let word = list &>> 6
    let bits = words[heap &* shape.wordCount &+ word] & ~(1 &<< UInt64(truncatingIfNeeded: list))
    words[heap &* shape.wordCount &+ word] = bits
    if shape.wordCount > 2, bits == 0 {
      summaries[heap] &= ~(1 &<< UInt64(truncatingIfNeeded: word))
    }
  }
}

extension NodeLists {
  /// The node of the heap whose longest free run is the shortest that holds `count` granules, as
  /// far as lists tell them apart; nil also if a list of several lengths may have one.
  @inline(__always)
  func bestFit(_ count: Int, in heap: Int, _ shape: Shape) -> Int? {
    firstList(from: shape.sureList(of: count), of: heap, shape).map { head($0, of: heap, shape) }
  }

  /// The same where a node is a page, with its longest free run.
  @inline(__always)
  func bestPage(_ count: Int, in heap: Int) -> (page: Int, run: Int)? {
    firstList(from: count, of: heap, .page).map { (head($0, of: heap, .page), $0) }
  }

  /// A node of the list of several lengths whose longest run holds `count` granules, if the first
  /// `limit` have one.
  func unsureFit(_ count: Int, in heap: Int, limit: Int) -> Int? {
    let list = shape.list(of: count)
    guard list != shape.sureList(of: count) else { return nil }
    return first(in: list, of: heap, limit: limit) { pages.longestRun(of: $0) >= count }
  }

  /// The first node of the heap with runs of at least `count` granules that `isWanted` takes, from
  /// the shortest runs up; looks at no more than `limit` nodes of each length.
  func first(
    from count: Int, in heap: Int, limit: Int = .max, where isWanted: (Int) -> Bool
  ) -> Int? {
    var bin = firstList(from: shape.list(of: count), of: heap, shape)
    while let list = bin {
      if let node = first(in: list, of: heap, limit: limit, where: isWanted) { return node }
      bin = firstList(from: list + 1, of: heap, shape)
    }
    return nil
  }

  /// Whether the node's list is the one that its longest free run asks for.
  func isListed(_ node: Int) -> Bool {
    let (noted, longest) = (link(of: node).run, pages.longestRun(of: node))
    return noted <= longest && shape.list(of: noted) == shape.list(of: longest)
  }

  /// Whether a page's free run is long.
  @inline(__always)
  private static func isLong(_ run: Int) -> Bool { run >= longRun }

  /// Whether it is rightly noted if the frames of a node, whose longest free run is `longest`, may
  /// wait in magazines.
  func areEndsRight(_ node: Int, longest: Int) -> Bool {
    let end = shape.isPage && Self.isLong(longest) ? 0 : pages.lastEnd
    return (pages.firstPage(of: node)..<pages.firstPage(of: node + 1)).allSatisfy {
      pages.ends[$0] == end
    }
  }

  /// A wholly free node of the heap.
  func wholeNode(of heap: Int) -> Int? {
    guard wholeCounts[heap] > 0 else { return nil }
    return first(in: shape.top, of: heap, limit: .max) { pages.isWhole($0) }
  }

  private func first(
    in bin: Int, of heap: Int, limit: Int, where isWanted: (Int) -> Bool
  ) -> Int? {
    var node = head(bin, of: heap, shape)
    var looked = 0
    while node >= 0, looked < limit {
      if isWanted(node) { return node }
      let next = link(of: node).next
      node = next == NodeLink.none ? -1 : next
      looked += 1
    }
    return nil
  }

  /// The first list from `bin` on that is not empty.
  @inline(__always)
  private func firstList(from bin: Int, of heap: Int, _ shape: Shape) -> Int? {
    if shape.wordCount == 2 { return firstOfTwoWords(from: bin, of: heap) }
    var word = bin &>> 6
    guard word < shape.wordCount else { return nil }
    var bits = words[heap &* shape.wordCount &+ word] & (~0 &<< UInt64(truncatingIfNeeded: bin))
    if bits == 0 {
      let later = summaries[heap] & (~1 &<< UInt64(truncatingIfNeeded: word))
      guard later != 0 else { return nil }
      word = later.trailingZeroBitCount
      bits = words[heap &* shape.wordCount &+ word]
    }
    return word &<< 6 | bits.trailingZeroBitCount
  }

  @inline(__always)
  private func firstOfTwoWords(from bin: Int, of heap: Int) -> Int? {
    let start = ~0 &<< UInt64(truncatingIfNeeded: bin)
    if bin < 64 {
      let bits = words[heap &<< 1] & start
      if bits != 0 { return bits.trailingZeroBitCount }
    }
    guard bin < 128 else { return nil }
    let bits = words[heap &<< 1 &+ 1] & (bin < 64 ? ~0 : start)
    return bits == 0 ? nil : 64 | bits.trailingZeroBitCount
  }
}

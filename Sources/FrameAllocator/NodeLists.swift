/// The nodes of one worker by heap, and within a heap by their longest free run: best fit in a few
/// instructions, flat in the number of sizes.
///
/// A heap is what one flow group has of normal nodes, or of reserve nodes. Nodes without a free run
/// are in no list.
@usableFromInline struct NodeLists {
  private let pages: PageMap
  /// First node of each list; `NodeLink.none` plus nothing is stored as 0, node n as n + 1.
  private let heads: Table<UInt32>
  /// A bit per list that is not empty, and a bit per such word that is not 0.
  private let words: Table<UInt64>
  private let summaries: Table<UInt64>
  /// Nodes of each heap, and those of them that are wholly free.
  let nodeCounts: Table<UInt32>
  let wholeCounts: Table<UInt32>
  /// Runs that differ in these low bits only share a list: at most 513 lists a heap.
  private let shift: Int
  private let listCount: Int
  private let wordCount: Int

  init(pages: PageMap, heapCount: Int, memory: TableMemory) {
    self.pages = pages
    shift = max(0, pages.order - 3)
    listCount = pages.nodeGranules >> shift + 1
    wordCount = (listCount + 63) / 64
    heads = memory.table(of: UInt32.self, count: heapCount * listCount)
    words = memory.table(of: UInt64.self, count: heapCount * wordCount)
    summaries = memory.table(of: UInt64.self, count: heapCount)
    nodeCounts = memory.table(of: UInt32.self, count: heapCount)
    wholeCounts = memory.table(of: UInt32.self, count: heapCount)
  }

  private func link(of node: Int) -> NodeLink {
    NodeLink(pages.pages[pages.firstPage(of: node)].link)
  }

  private func setLink(_ link: NodeLink, of node: Int) {
    pages.pages[pages.firstPage(of: node)].link = link.bits
  }

  private func head(_ bin: Int, of heap: Int) -> Int {
    Int(heads[heap * listCount + bin]) - 1
  }
}

extension NodeLists {
  /// Takes a wholly free node into a heap.
  func add(_ node: Int, to heap: Int) {
    nodeCounts[heap] += 1
    wholeCounts[heap] += 1
    setLink(
      NodeLink(previous: NodeLink.none, next: NodeLink.none, bin: NodeLink.noBin), of: node)
    insert(node, into: pages.nodeGranules >> shift, of: heap)
  }

  /// Lets a wholly free node go.
  func remove(_ node: Int, from heap: Int) {
    nodeCounts[heap] -= 1
    wholeCounts[heap] -= 1
    withdraw(node, link(of: node), of: heap)
  }

  /// Puts a node into the list that its longest free run asks for, after its masks changed.
  ///
  /// Returns whether the node has become wholly free.
  @discardableResult
  func update(_ node: Int, of heap: Int) -> Bool {
    let run = pages.longestRun(of: node)
    let bin = run == 0 ? NodeLink.noBin : run >> shift
    let old = link(of: node)
    let top = pages.nodeGranules >> shift
    if bin == old.bin { return false }
    if old.bin != NodeLink.noBin { withdraw(node, old, of: heap) }
    if old.bin == top { wholeCounts[heap] -= 1 }
    if bin != NodeLink.noBin {
      insert(node, into: bin, of: heap)
    } else {
      setLink(
        NodeLink(previous: NodeLink.none, next: NodeLink.none, bin: NodeLink.noBin), of: node)
    }
    guard bin == top else { return false }
    wholeCounts[heap] += 1
    return true
  }

  private func insert(_ node: Int, into bin: Int, of heap: Int) {
    let next = head(bin, of: heap)
    setLink(
      NodeLink(previous: NodeLink.none, next: next < 0 ? NodeLink.none : next, bin: bin), of: node)
    if next >= 0 {
      var link = link(of: next)
      link.previous = node
      setLink(link, of: next)
    }
    heads[heap * listCount + bin] = UInt32(truncatingIfNeeded: node + 1)
    let word = bin >> 6
    words[heap * wordCount + word] |= UInt64(1) << UInt64(bin & 63)
    summaries[heap] |= UInt64(1) << UInt64(word)
  }

  private func withdraw(_ node: Int, _ old: NodeLink, of heap: Int) {
    if old.next != NodeLink.none {
      var link = link(of: old.next)
      link.previous = old.previous
      setLink(link, of: old.next)
    }
    guard old.previous == NodeLink.none else {
      var link = link(of: old.previous)
      link.next = old.next
      setLink(link, of: old.previous)
      return
    }
    heads[heap * listCount + old.bin] =
      old.next == NodeLink.none ? 0 : UInt32(truncatingIfNeeded: old.next + 1)
    guard old.next == NodeLink.none else { return }
    let word = old.bin >> 6
    words[heap * wordCount + word] &= ~(UInt64(1) << UInt64(old.bin & 63))
    if words[heap * wordCount + word] == 0 { summaries[heap] &= ~(UInt64(1) << UInt64(word)) }
  }
}

extension NodeLists {
  /// The node of the heap whose longest free run is the shortest that holds `count` granules.
  func bestFit(_ count: Int, in heap: Int) -> Int? {
    let sure = (count + 1 << shift - 1) >> shift
    if let bin = firstList(from: sure, of: heap) { return head(bin, of: heap) }
    // The list below has longer and shorter runs, if it is not of one length.
    guard shift > 0 else { return nil }
    return first(in: count >> shift, of: heap) { pages.longestRun(of: $0) >= count }
  }

  /// The first node of the heap with runs of at least `count` granules that `isWanted` takes, from
  /// the shortest runs up; looks at no more than `limit` nodes of each length.
  func first(
    from count: Int, in heap: Int, limit: Int = .max, where isWanted: (Int) -> Bool
  ) -> Int? {
    var bin = firstList(from: count >> shift, of: heap)
    while let list = bin {
      if let node = first(in: list, of: heap, limit: limit, where: isWanted) { return node }
      bin = firstList(from: list + 1, of: heap)
    }
    return nil
  }

  /// Whether the node's list is the one that its longest free run asks for.
  func isListed(_ node: Int) -> Bool {
    let run = pages.longestRun(of: node)
    return link(of: node).bin == (run == 0 ? NodeLink.noBin : run >> shift)
  }

  /// A wholly free node of the heap.
  func wholeNode(of heap: Int) -> Int? {
    guard wholeCounts[heap] > 0 else { return nil }
    return first(in: pages.nodeGranules >> shift, of: heap) { pages.isWhole($0) }
  }

  private func first(
    in bin: Int, of heap: Int, limit: Int = .max, where isWanted: (Int) -> Bool
  ) -> Int? {
    var node = head(bin, of: heap)
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
  private func firstList(from bin: Int, of heap: Int) -> Int? {
    var word = bin >> 6
    guard word < wordCount else { return nil }
    var bits = words[heap * wordCount + word] & (~0 << UInt64(bin & 63))
    if bits == 0 {
      let later = summaries[heap] & (~1 << UInt64(word))
      guard later != 0 else { return nil }
      word = later.trailingZeroBitCount
      bits = words[heap * wordCount + word]
    }
    return word << 6 | bits.trailingZeroBitCount
  }
}

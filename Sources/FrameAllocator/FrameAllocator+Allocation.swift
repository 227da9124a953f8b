extension FrameAllocator {
  /// A frame of `byteCount` bytes, rounded up to granules, for `group`, in custody `.held`.
  ///
  /// Returns its address, or nil if `byteCount` is not in `1 ... maximumFrame`, the group is
  /// unknown or at its quota, or only the reserve (without `.critical`) or what others are
  /// guaranteed is left. No heap allocation; mostly one entry of a magazine.
  @inlinable @inline(__always)
  public mutating func allocate(
    byteCount: Int, group: FlowGroup = .shared, permission: Permission = .normal
  ) -> UInt64? {
    // One comparison says that it is neither too long nor less than 0; what has no length there is
    // none of.
    guard UInt(bitPattern: byteCount &+ 63) < UInt(bitPattern: (Magazines.longest &+ 1) &* 64),
      group.index == 0 || UInt(bitPattern: group.index) < UInt(bitPattern: groupCount),
      let granule = magazines.pop(group.index, packed: (byteCount &+ 63) &>> 6)
    else {
      return allocateSlowly(byteCount: byteCount, group: group, permission: permission)
    }
    map.pages[granule &>> 6].held |= 1 &<< UInt64(truncatingIfNeeded: granule)
    return UInt64(truncatingIfNeeded: granule) &<< 6
  }

  /// A slot for `group`, in custody `custody`: a chunk inside one page, aligned as configured.
  ///
  /// Nil as for `allocate`.
  @inlinable @inline(__always)
  public mutating func allocateSlot(
    group: FlowGroup = .shared, permission: Permission = .normal, custody: Custody
  ) -> UInt64? {
    assert(custody != .free, "a frame that is given is not free")
    guard UInt(bitPattern: group.index) < UInt(bitPattern: groupCount) else { return nil }
    guard
      let granule = magazines.pop(group.index, 0)
        ?? makeSlot(for: group.index, permission)
    else { return nil }
    // The magazine's slots stand in the map already, as free.
    let address = UInt64(truncatingIfNeeded: granule) &<< 6
    slots.entries[custodyIn: slots.window(at: address)] = custody.rawValue
    return address
  }

  @usableFromInline
  mutating func allocateSlowly(
    byteCount: Int, group: FlowGroup, permission: Permission
  ) -> UInt64? {
    guard UInt(bitPattern: byteCount &- 1) < UInt(bitPattern: maximumFrame),
      UInt(bitPattern: group.index) < UInt(bitPattern: groupCount)
    else { return nil }
    var length = (byteCount &+ 63) &>> 6
    if isIsolated(group.index) { length = (length &+ 63) & ~63 }
    if length <= Magazines.longest { magazines.open(group.index, packed: length) }
    let heap = Self.heap(of: group.index, .normal)
    // The usual nodes without a call more.
    let found = map.search == 0 ? cutPage(length, in: heap) : takeRun(of: length, in: heap)
    guard let first = found ?? collectRun(of: length, for: group.index, permission) else {
      return nil
    }
    return UInt64(truncatingIfNeeded: first) &<< 6
  }

  @inline(never)
  private mutating func collectRun(
    of length: Int, for group: Int, _ permission: Permission
  ) -> Int? {
    findOrCollect(for: group, length, permission) { allocator, heap, isThorough in
      allocator.takeRun(of: length, in: heap, limit: isThorough ? .max : 8)
    }
  }

  /// Takes a frame of the group's magazine for a length out; length 0 means RX slots.
  private mutating func takeCached(_ length: Int, of group: Int) -> Int? {
    guard length <= Magazines.longest, let granule = magazines.pop(group, length) else {
      return nil
    }
    // Who has a slot is in the slot map.
    if length > 0 { map.pages[granule &>> 6].held |= 1 &<< UInt64(granule & 63) }
    return granule
  }

  /// Makes granules of a heap's best fitting node a frame, which the application has.
  ///
  /// Looks at `limit` nodes if none is sure to have them: only where frames are longer than a page.
  @inline(__always)
  mutating func takeRun(of length: Int, in heap: Int, limit: Int = 8) -> Int? {
    switch map.search {
    case 0: takeRunOfPage(length, in: heap)
    case 3: takeRunOfEight(length, in: heap, limit)
    case ..<3: takeRunOfFew(length, in: heap, limit)
    default: takeRunOfNode(length, in: heap, limit)
    }
  }

  /// The heap's best fitting node, for any kind of nodes.
  mutating func bestFit(_ length: Int, in heap: Int, _ limit: Int) -> Int? {
    lists.bestFit(length, in: heap, lists.shape) ?? unsureFit(length, in: heap, limit)
  }

  // What is called out of line is mutating, or the whole allocator would be copied for the call.

  @inline(never)
  private mutating func unsureFit(_ length: Int, in heap: Int, _ limit: Int) -> Int? {
    lists.unsureFit(length, in: heap, limit: limit)
  }

  @inline(never)
  private mutating func takeRunOfNode(_ length: Int, in heap: Int, _ limit: Int) -> Int? {
    guard let node = bestFit(length, in: heap, limit) else { return nil }
    return takeAcross(map.firstRun(of: length, in: node), length, of: node, heap)
  }

  /// The same where a node is a row of eight pages: a constant, which saves a fifth of the work.
  @inline(never)
  private mutating func takeRunOfEight(_ length: Int, in heap: Int, _ limit: Int) -> Int? {
    takeRunOfRow(length, in: heap, limit, order: 3)
  }

  /// The same where a node is a row of two or four pages.
  @inline(never)
  private mutating func takeRunOfFew(_ length: Int, in heap: Int, _ limit: Int) -> Int? {
    takeRunOfRow(length, in: heap, limit, order: map.order)
  }

  @inline(__always)
  private mutating func takeRunOfRow(
    _ length: Int, in heap: Int, _ limit: Int, order: Int
  ) -> Int? {
    let shape = NodeLists.Shape.row(order: order)
    guard
      let node = lists.bestFit(length, in: heap, shape) ?? unsureFit(length, in: heap, limit)
    else { return nil }
    let start = node &<< order
    let row = map.row(from: start, order: order)
    switch row.firstRun(of: length) {
    case .at(let granule): return takeAcross(start &<< 6 &+ granule, length, of: node, heap)
    case .inside(let place):
      let (first, left) = map.takeFirst(length, ofPage: place, of: row, from: start, order: order)
      if !lists.shorten(node, by: length, shape) { relist(node, of: heap, left) }
      return first
    }
  }

  /// Puts a node that is a row of pages into the list that its longest free run asks for.
  @inline(never)
  private mutating func relist(_ node: Int, of heap: Int, _ row: PageRow) {
    lists.update(node, of: heap, run: row.longestRun, .row(order: map.order))
  }

  /// Takes granules of several pages.
  @inline(never)
  private mutating func takeAcross(_ first: Int, _ length: Int, of node: Int, _ heap: Int) -> Int {
    map.set(first..<first + length, free: false)
    map.begin(first, isHeld: true)
    lists.update(node, of: heap, run: map.longestRun(of: node), lists.shape)
    return first
  }

  /// The same where a node is a page.
  @inline(never)
  private mutating func takeRunOfPage(_ length: Int, in heap: Int) -> Int? {
    cutPage(length, in: heap)
  }

  @inline(__always)
  private mutating func cutPage(_ length: Int, in heap: Int) -> Int? {
    guard let (page, old) = lists.bestPage(length, in: heap) else { return nil }
    let free = map.free[page]
    if Runs.isOne(free) {
      // What is left follows from the list: the next search need not wait for the page's granules.
      let bit = free.trailingZeroBitCount
      _ = map.take(length, at: bit, of: page)
      lists.shorten(page, firstOf: old, to: old &- length, of: heap)
      return page &<< 6 | bit
    }
    let (bit, left) = map.takeFirst(length, of: page)
    let run = Runs.longest(in: left)
    if run != old { lists.shorten(page, firstOf: old, to: run, of: heap) }
    return page &<< 6 | bit
  }
}

extension FrameAllocator {
  /// Makes room in a group's heap step by step until something is found there: takes what other
  /// workers sent back, what the group's magazines hold, a node of the pool, what all hold.
  ///
  /// What came home waits in magazines as it was given: a frame of `length` granules, 0 for a slot,
  /// is given again at once, before any magazine is emptied for it. `.critical` work then goes
  /// through the reserve in the same way. `find` is told whether to look at every node, because no
  /// other can be had.
  mutating func findOrCollect(
    for group: Int, _ length: Int, _ permission: Permission,
    _ find: (inout FrameAllocator, _ heap: Int, _ isThorough: Bool) -> Int?
  ) -> Int? {
    let normal = Self.heap(of: group, .normal)
    if workerCount > 1 {
      collect()
      if let found = takeCached(length, of: group) ?? find(&self, normal, false) { return found }
    }
    // A group's memory does not grow while its magazines have some.
    if flushMagazines(of: group), let found = find(&self, normal, false) { return found }
    if takeNode(for: group, .normal) { return find(&self, normal, false) }
    // At its quota nothing that others let go of would help it: they keep what they have ready.
    let mayGrow = pool.mayGrow(group)
    if mayGrow { magazines.cache(false) }
    if let found = find(&self, normal, true) { return found }
    guard mayGrow else {
      return permission == .critical ? find(&self, Self.heap(of: group, .critical), true) : nil
    }
    letGo()
    if takeNode(for: group, .normal) { return find(&self, normal, false) }
    guard permission == .critical else { return nil }
    let reserve = Self.heap(of: group, .critical)
    if let found = find(&self, reserve, true) { return found }
    return takeNode(for: group, .critical) ? find(&self, reserve, false) : nil
  }

  /// Takes a node of the pool into one of a group's heaps.
  ///
  /// If it `isExtra`, only while the pool has plenty.
  mutating func takeNode(
    for group: Int, _ permission: Permission, isExtra: Bool = false
  ) -> Bool {
    guard
      let node = pool.take(
        for: group, permission: permission, worker: worker, isExtra: isExtra)
    else { return false }
    if permission == .critical { reserveNodeCount += 1 }
    lists.add(node, to: Self.heap(of: group, permission))
    return true
  }

  /// Gives the pool everything that this worker has and does not use.
  mutating func letGo() {
    for group in 0..<groupCount { letGo(of: FlowGroup(index: group)) }
  }

  /// Gives the pool everything of a group that this worker has and does not use.
  public mutating func letGo(of group: FlowGroup) {
    flushMagazines(of: group.index)
    for heap in [Self.heap(of: group.index, .normal), Self.heap(of: group.index, .critical)] {
      while let node = lists.wholeNode(of: heap) { giveBack(node, of: heap) }
    }
  }

  /// Gives a wholly free node back to the pool.
  mutating func giveBack(_ node: Int, of heap: Int) {
    lists.remove(node, from: heap)
    if heap & 1 == 1 { reserveNodeCount -= 1 }
    if pool.giveBack(node, of: heap >> 1) { magazines.cache(true) }
  }
}

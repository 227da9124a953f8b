extension FrameAllocator {
  /// Cuts slots out of a group's nodes, gives one and puts the others into the magazine.
  @usableFromInline
  mutating func makeSlot(for group: Int, _ permission: Permission) -> Int? {
    let isIsolated = self.isIsolated(group)
    let find = { (allocator: inout FrameAllocator, heap: Int, isThorough: Bool) -> Int? in
      guard
        let node = allocator.nodeWithSlot(
          in: heap, isIsolated: isIsolated, limit: isThorough ? .max : 4)
      else { return nil }
      return allocator.cutSlots(of: node, heap: heap, isIsolated: isIsolated)
    }
    widen(group)
    return find(&self, Self.heap(of: group, .normal), false)
      ?? findOrCollect(for: group, 0, permission, find)
  }

  /// Takes a node for a slot that would otherwise fill up a page, if a slot of the group was
  /// trimmed.
  ///
  /// Where slots lie anywhere, what is cut off one leaves room for another in its page, if none
  /// stands there yet: pages get three packets of medium length instead of two. Only where kept
  /// packets take most of the group's memory: where most of it is slots, as with deep fill rings,
  /// each would get a page that nothing else comes to fill.
  private mutating func widen(_ group: Int) {
    let heap = Self.heap(of: group, .normal)
    guard slots.isUnaligned, trims[group] != 0, !isIsolated(group),
      2 * Int(slotCounts[group]) * slots.granules
        < Int(lists.nodeCounts[heap]) * map.nodeGranules,
      lists.bestFit(slots.granules + 1, in: heap, lists.shape) == nil
    else { return }
    // Not `-=`, which the thread sanitizer would take for a write to the pool.
    if takeNode(for: group, .normal, isExtra: true) { trims[group] = trims[group] - 1 }
  }

  /// A node of the heap with room for a slot, rather one that has more than that.
  ///
  /// A free run as long as a slot need not hold one, where it lies across pages or slots are
  /// aligned; a run of twice the length does. So a few nodes of each length are tried; where none
  /// has room, a new node is better than a search, until there is none.
  private func nodeWithSlot(in heap: Int, isIsolated: Bool, limit: Int) -> Int? {
    let length = isIsolated ? Page.granules : slots.granules
    if slots.isUnaligned, !isIsolated,
      let node = lists.first(
        from: length + 1, in: heap, limit: limit, where: { hasRoom($0, isIsolated: false) })
    {
      return node
    }
    return lists.first(from: length, in: heap, limit: limit) {
      hasRoom($0, isIsolated: isIsolated)
    }
  }

  private func hasRoom(_ node: Int, isIsolated: Bool) -> Bool {
    pages(of: node).contains { slotPlace(in: map.free[$0], isIsolated: isIsolated) != nil }
  }

  private func pages(of node: Int) -> Range<Int> {
    map.firstPage(of: node)..<map.firstPage(of: node + 1)
  }

  /// The bit at which a slot can begin in a page with these free granules.
  private func slotPlace(in free: UInt64, isIsolated: Bool) -> Int? {
    let length = isIsolated ? Page.granules : slots.granules
    if slots.isUnaligned, !isIsolated {
      let place = Runs.first(of: length, in: free)
      return place < Page.granules ? place : nil
    }
    return stride(from: 0, to: Page.granules, by: length).first { place in
      let bits = Runs.mask(at: place, count: length)
      return free & bits == bits
    }
  }

  private mutating func cutSlots(of node: Int, heap: Int, isIsolated: Bool) -> Int? {
    let length = isIsolated ? Page.granules : slots.granules
    // Reserve nodes are not cached. Where slots lie anywhere, the next one may begin right behind
    // what is kept of this one.
    let isOne = heap & 1 == 1 || slots.isUnaligned && !isIsolated
    let wanted = isOne ? 1 : max(1, min(Magazines.refill, magazines.depth))
    var given: Int?
    var count = 0
    for page in pages(of: node) {
      while count < wanted, let place = slotPlace(in: map.free[page], isIsolated: isIsolated) {
        let granule = page << 6 | place
        if given != nil {
          guard magazines.push(granule, heap >> 1, 0) else { break }
        } else {
          given = granule
        }
        map.set(granule..<granule + length, free: false)
        map.begin(granule, isHeld: false)
        slots.set(.free, at: granule)
        count += 1
      }
    }
    slotCounts[heap >> 1] = slotCounts[heap >> 1] + UInt32(count)
    lists.update(node, of: heap, run: map.longestRun(of: node), lists.shape)
    return given
  }
}

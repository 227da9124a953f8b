internal import Synchronization

extension FrameAllocator {
  /// Checks every invariant of this worker's part and names the first broken one; nil if all hold.
  ///
  /// Time grows with the memory, linearly.
  public func audit() -> String? {
    var elsewhere = Elsewhere()
    return auditNodes(&elsewhere) ?? auditSlots() ?? auditMagazines(elsewhere) ?? pool.audit()
  }

  /// Frames that are neither slots nor held.
  private struct Elsewhere {
    var inFlight = 0
    var cached = 0
  }

  private func auditNodes(_ elsewhere: inout Elsewhere) -> String? {
    var reserveNodes = 0
    var counts = [Int](repeating: 0, count: groupCount * 2)
    var whole = counts
    for node in 0..<map.nodeCount {
      guard let heap = ownHeap(of: map.first(of: node)) else { continue }
      guard heap < counts.count else { return "node \(node) is in heap \(heap), which is not" }
      counts[heap] += 1
      if heap & 1 == 1 { reserveNodes += 1 }
      if map.isWhole(node) { whole[heap] += 1 }
      if let broken = audit(node, heap: heap, &elsewhere) { return broken }
    }
    for heap in counts.indices {
      guard Int(lists.nodeCounts[heap]) == counts[heap], Int(lists.wholeCounts[heap]) == whole[heap]
      else {
        return "heap \(heap) has \(counts[heap]) nodes, \(whole[heap]) whole, its counts say "
          + "\(lists.nodeCounts[heap]) and \(lists.wholeCounts[heap])"
      }
      if let broken = lists.audit(heap) { return broken }
    }
    guard reserveNodes == reserveNodeCount else {
      return "\(reserveNodes) reserve nodes are here, the count says \(reserveNodeCount)"
    }
    let ownFlights = flights.granules().filter { ownHeap(of: $0) != nil }.count
    guard elsewhere.inFlight == ownFlights else {
      return "\(elsewhere.inFlight) packed frames of pages are in flight, the table has "
        + "\(ownFlights)"
    }
    return nil
  }

  /// One node: every used run has a head.
  private func audit(_ node: Int, heap: Int, _ elsewhere: inout Elsewhere) -> String? {
    var hasRun = false
    var run = 0
    var longest = 0
    var wholePages = 0
    for page in map.firstPage(of: node)..<map.firstPage(of: node + 1) {
      let (masks, free) = (map.pages[page], map.free[page])
      guard masks.inside & free == 0, masks.held & (masks.inside | free) == 0 else {
        return "granules of page \(page) are in two states at once"
      }
      let heads = map.heads(of: page)
      wholePages = free == ~0 ? wholePages + Page.granules : 0
      longest = max(longest, wholePages)
      for bit in 0..<Page.granules {
        if map.span != 0, bit % map.span == 0 { run = 0 }
        let isFree = free >> UInt64(bit) & 1 == 1
        let isHead = heads >> UInt64(bit) & 1 == 1
        run = isFree ? run + 1 : 0
        longest = max(longest, run)
        guard isFree || isHead || hasRun else {
          return "granule \(page << 6 | bit) is used and in no frame"
        }
        hasRun = !isFree
      }
      for bit in 0..<Page.granules where (heads & ~masks.held) >> UInt64(bit) & 1 == 1 {
        let granule = page << 6 | bit
        if slots.window(ofSlotWith: granule) == nil {
          if flights.holder(of: granule) != nil {
            elsewhere.inFlight += 1
          } else {
            elsewhere.cached += 1
          }
        }
      }
    }
    if let crossing = crossingFrame(of: node, heap: heap) {
      return "the frame at granule \(crossing) lies across a boundary"
    }
    guard longest == map.longestRun(of: node) else {
      return "node \(node) has a free run of \(longest), its tree says \(map.longestRun(of: node))"
    }
    guard lists.areEndsRight(node, longest: longest) else {
      return "it is wrongly noted of node \(node) whether it has a long free run"
    }
    return nil
  }

  /// First granule of a frame of the node that lies across a boundary; nil if none does.
  private func crossingFrame(of node: Int, heap: Int) -> Int? {
    guard map.span != 0, !isIsolated(heap >> 1) else { return nil }
    for page in map.firstPage(of: node)..<map.firstPage(of: node + 1) {
      for bit in 0..<Page.granules where map.heads(of: page) >> UInt64(bit) & 1 == 1 {
        let base = page << 6 | bit
        if base % map.span + map.length(at: base) > map.span { return base }
      }
    }
    return nil
  }

  private func auditSlots() -> String? {
    var counts = [UInt32](repeating: 0, count: groupCount)
    for window in 0..<slots.entries.count {
      guard let custody = slots.custody(ofSlotIn: window) else { continue }
      let base = slots.base(ofSlotIn: window)
      guard custody.isKnown else {
        return "the slot at granule \(base) has no custody"
      }
      guard let heap = ownHeap(of: base) else { continue }
      counts[heap >> 1] += 1
      guard map.isElsewhere(base) else {
        return "the slot at granule \(base) does not begin in its page"
      }
      guard base & 63 + slots.granules <= Page.granules,
        map.length(at: base) == slotLength(at: base)
      else { return "the slot at granule \(base) is \(map.length(at: base)) granules long" }
    }
    for (group, count) in counts.enumerated() where count != slotCounts[group] {
      return "group \(group) has \(count) slots here, its count says \(slotCounts[group])"
    }
    return nil
  }

  private func auditMagazines(_ elsewhere: Elsewhere) -> String? {
    var cached = 0
    for group in 0..<groupCount {
      for length in 0...Magazines.longest {
        if let broken = auditMagazine(group, length) { return broken }
        if length > 0 { cached += magazines.count(group, length) }
      }
    }
    return elsewhere.cached == cached
      ? nil
      : "\(elsewhere.cached) frames are no slots, not held and not in flight, the magazines have "
        + "\(cached)"
  }

  private func auditMagazine(_ group: Int, _ length: Int) -> String? {
    for place in 0..<magazines.count(group, length) {
      let granule = magazines.frame(place, group, length)
      guard ownHeap(of: granule) == Self.heap(of: group, .normal) else {
        return "a magazine of group \(group) has granule \(granule), which is not the group's"
      }
      if length == 0 {
        guard custody(of: UInt64(granule) << 6) == .free, slots.window(ofSlotWith: granule) != nil
        else { return "the cached slot at granule \(granule) is in use" }
      } else {
        guard map.isElsewhere(granule),
          slots.window(ofSlotWith: granule) == nil, map.length(at: granule) == length
        else { return "the frame cached at granule \(granule) is in use or of another length" }
      }
    }
    return nil
  }
}

extension NodeLists {
  /// Whether the lists of a heap have its nodes where their longest free runs say.
  func audit(_ heap: Int) -> String? {
    var listed = 0
    var misplaced: Int?
    _ = first(from: 0, in: heap) { node in
      listed += 1
      if !isListed(node) { misplaced = node }
      return misplaced != nil || listed > Int(nodeCounts[heap])
    }
    if let misplaced { return "node \(misplaced) is not listed under its longest free run" }
    return listed > Int(nodeCounts[heap]) ? "the lists of heap \(heap) go in a circle" : nil
  }
}

extension FramePool {
  /// Checks the pool's invariants and names the first broken one; nil if all hold.
  public func audit() -> String? {
    state.withLock { state in
      var open = 0
      for (index, arena) in state.arenas.enumerated() {
        let unowned = arena.nodes.count { owners[map.firstPage(of: $0)] == Self.noOwner }
        guard unowned == arena.freeCount else {
          return "arena \(index) has \(unowned) nodes without an owner, its count says "
            + "\(arena.freeCount)"
        }
        if arena.group == nil { open += arena.freeCount }
      }
      guard open == state.openFree else {
        return "\(open) nodes are open to all, the count says \(state.openFree)"
      }
      var used = [Int](repeating: 0, count: state.accounts.count)
      for node in 0..<map.nodeCount {
        let owner = owners[map.firstPage(of: node)]
        if owner != Self.noOwner { used[Int(owner & 0x7FF) >> 1] += 1 }
      }
      for (index, account) in state.accounts.enumerated() {
        guard used[index] == account.used, used[index] <= account.quota else {
          return "group \(index) has \(used[index]) nodes, its account says \(account.used) of "
            + "\(account.quota)"
        }
      }
      return nil
    }
  }
}

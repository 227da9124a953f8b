extension FrameAllocator {
  /// Takes back the frame that the byte at `address` lies in, if the application has it, received
  /// or held.
  ///
  /// Any byte of the frame names it, and its length is known. Another worker's frame goes to that
  /// worker. Returns false and changes nothing if the application does not have it: that is counted
  /// in `refusalCount`, and traps in debug builds unless the configuration says otherwise. Nothing
  /// is ever free twice. Constant time, mostly one entry of a magazine.
  @inlinable @inline(__always) @discardableResult
  public mutating func release(_ address: UInt64) -> Bool {
    let granule = Int(truncatingIfNeeded: address &>> 6)
    guard _fastPath(UInt(bitPattern: granule &>> 6) < UInt(bitPattern: map.pageCount)),
      _fastPath(cachePacked(granule))
    else { return releaseSlowly(address) }
    return true
  }

  /// Puts the packed frame that begins at `granule` into its magazine.
  ///
  /// If the application has it, it is of this worker's normal nodes, and there is room; else
  /// returns false and changes nothing. One `fromAfar` waits there even if its page has a long free
  /// run: frames that other workers send back come as they were given, many at a time, and without
  /// them the magazines would be empty when the next are given.
  @inlinable @inline(__always)
  mutating func cachePacked(_ granule: Int, fromAfar: Bool = false) -> Bool {
    let page = granule &>> 6
    let heap = Int(truncatingIfNeeded: UInt32(owners[page]) ^ identity)
    // A reserve node's, or another worker's, which may change at this moment: it is not even read.
    guard _fastPath(heap & 0xF801 == 0) else { return false }
    let masks = map.pages[page]
    let length = masks.length(at: granule)
    let end = UInt8(truncatingIfNeeded: granule & 63 &+ length)
    guard _fastPath(masks.isHeld(at: granule)),
      _fastPath(end <= (fromAfar ? map.lastEnd : map.ends[page])),
      _fastPath(magazines.push(granule, heap: heap, packed: length))
    else { return false }
    map.pages[page].held = masks.held ^ 1 &<< UInt64(truncatingIfNeeded: granule)
    return true
  }

  /// The general case of `release(_:)`.
  @usableFromInline
  mutating func releaseSlowly(_ address: UInt64) -> Bool {
    guard let granule = granule(at: address) else { return refuse() }
    guard let heap = ownHeap(of: granule) else { return releaseForeign(granule) || refuse() }
    guard let base = map.base(of: granule) else { return refuse() }
    if map.isHeld(at: base) {
      free(base, heap: heap)
      return true
    }
    guard flights.holder(of: base) == nil, let window = slots.window(ofSlotWith: base),
      let custody = slots.custody(ofSlotIn: window), custody.isWithApplication
    else { return refuse() }
    restoreSlot(base, heap: heap)
    return true
  }

  /// Takes back the slot that the byte at `address` lies in, if it is in custody `custody`, and any
  /// packed frame that the application has if that is `.received` or `.held`.
  ///
  /// Returns false and changes nothing otherwise.
  @inlinable @inline(__always) @discardableResult
  public mutating func release(_ address: UInt64, from custody: Custody) -> Bool {
    guard let place = slots.place(of: address, in: custody) else {
      return releaseUnusual(address, from: custody)
    }
    let granule = slots.firstGranule(of: place.window)
    guard let heap = ownHeap(of: granule), heap & 1 == 0,
      magazines.push(granule, heap &>> 1, 0)
    else { return restoreSlotSlowly(granule) }
    slots.entries[custodyIn: place.window] = Custody.free.rawValue
    return true
  }

  /// `release(_:from:)` of slots in unaligned memory, and of packed frames.
  @usableFromInline
  mutating func releaseUnusual(_ address: UInt64, from custody: Custody) -> Bool {
    if slots.isUnaligned, let granule = granule(at: address),
      let window = slots.window(ofSlotWith: granule), slots.custody(ofSlotIn: window) == custody
    {
      return restoreSlotSlowly(slots.base(ofSlotIn: window))
    }
    return custody.isWithApplication ? release(address) : false
  }

  @usableFromInline
  mutating func restoreSlotSlowly(_ granule: Int) -> Bool {
    if let heap = ownHeap(of: granule) {
      restoreSlot(granule, heap: heap)
      return true
    }
    return sendSlotHome(granule)
  }

  /// Refuses and counts a release of what the caller does not have.
  private mutating func refuse() -> Bool {
    refusalCount += 1
    assert(
      !pool.configuration.trapsOnMisuse,
      "a frame was released that the application does not have: twice, or never allocated")
    return false
  }

  /// Puts a slot nobody uses into the magazine or back into its page.
  mutating func restoreSlot(_ base: Int, heap: Int) {
    if heap & 1 == 0, magazines.depth > 0 {
      if magazines.count(heap >> 1, 0) >= magazines.depth(for: 0) { spill(0, heap: heap) }
      if magazines.push(base, heap >> 1, 0) {
        slots.set(.free, at: base)
        return
      }
    }
    eraseSlot(base, heap: heap)
  }

  /// Puts a packed frame of the application's into a magazine or back into its page.
  mutating func free(_ base: Int, heap: Int) {
    let length = map.length(at: base)
    if magazines.depth > 0, heap & 1 == 0, length <= Magazines.longest,
      map.ends[base >> 6] != 0,
      magazines.isOpen(heap >> 1, length), !self.isIsolated(heap >> 1)
    {
      if magazines.count(heap >> 1, length) >= magazines.depth { spill(length, heap: heap) }
      if magazines.push(base, heap >> 1, length) {
        map.setHeld(false, at: base)
        return
      }
    }
    erase(base, length: length, heap: heap)
  }

  /// Makes room in a full magazine: the frames that were put in first go, their bytes are cold.
  private mutating func spill(_ length: Int, heap: Int) {
    empty(length, heap: heap, count: (magazines.count(heap >> 1, length) + 1) / 2)
  }

  /// Puts the frames of a group's magazines back into their pages; says whether there were any.
  @discardableResult
  mutating func flushMagazines(of group: Int) -> Bool {
    var hadSome = false
    for length in 0...Magazines.longest {
      let count = magazines.count(group, length)
      guard count > 0 else { continue }
      empty(length, heap: Self.heap(of: group, .normal), count: count)
      hadSome = true
    }
    return hadSome
  }

  private mutating func empty(_ length: Int, heap: Int, count: Int) {
    for place in 0..<count {
      let base = magazines.frame(place, heap >> 1, length)
      if length == 0 {
        eraseSlot(base, heap: heap)
      } else {
        erase(base, length: length, heap: heap)
      }
    }
    magazines.drop(count, heap >> 1, length)
  }

  private mutating func eraseSlot(_ base: Int, heap: Int) {
    slots.clear(at: base)
    slotCounts[heap >> 1] = slotCounts[heap >> 1] - 1
    let isIsolated = self.isIsolated(heap >> 1)
    erase(base, length: isIsolated ? Page.granules : slots.granules, heap: heap)
  }

  /// Makes a run free; a node that becomes whole goes back to the pool, but for one spare.
  mutating func erase(_ base: Int, length: Int, heap: Int) {
    map.setHeld(false, at: base)
    makeFree(base, count: length, heap: heap)
  }

  /// Adds granules to a node's free runs.
  @inline(__always)
  mutating func makeFree(_ first: Int, count: Int, heap: Int) {
    guard count != 0 else { return }
    let isWhole =
      switch map.search {
      case 0: makeFreeInPage(first, count: count, heap: heap)
      case ...3 where first & 63 &+ count <= Page.granules:
        makeFreeInRow(first, count: count, heap: heap)
      default: makeFreeInNode(first, count: count, heap: heap)
      }
    if isWhole, heap & 1 == 1 || lists.wholeCounts[heap] > 1 {
      giveBack(map.node(of: first), of: heap)
    }
  }

  @inline(never)
  private mutating func makeFreeInNode(_ first: Int, count: Int, heap: Int) -> Bool {
    map.set(first..<first + count, free: true)
    let node = map.node(of: first)
    return lists.update(node, of: heap, run: map.longestRun(of: node), lists.shape)
  }

  /// The same where a node is a row of pages and the run lies inside one of them.
  @inline(never)
  private mutating func makeFreeInRow(_ first: Int, count: Int, heap: Int) -> Bool {
    let node = map.node(of: first)
    let row = map.makeFree(first, count, from: map.firstPage(of: node))
    return lists.update(node, of: heap, run: row.longestRun, .row(order: map.order))
  }

  /// The same where a node is a page.
  @inline(never)
  private mutating func makeFreeInPage(_ first: Int, count: Int, heap: Int) -> Bool {
    let page = first &>> 6
    let free = map.makeFree(first & 63, count, ofPage: page)
    return lists.update(page, of: heap, run: Runs.longest(in: free), .page)
  }
}

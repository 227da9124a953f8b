internal import Synchronization

extension FrameAllocator {
  /// Takes in what other workers sent back, shows them what is theirs, and lets go of spare memory
  /// if one of them found none.
  ///
  /// Once per burst; a few loads if there is nothing. An allocation that finds nothing does it too.
  public mutating func collect() {
    guard workerCount > 1 else { return }
    let (inboxes, outboxes) = (self.inboxes, self.outboxes)
    for other in 0..<workerCount where other != worker {
      outboxes[other].flush()
      inboxes[other].drain { granule in takeHome(granule) }
    }
    let pressure = pool.pressure.load(ordering: .relaxed)
    if pressure != pressureSeen {
      pressureSeen = pressure
      letGo()
    }
  }

  /// Sends a frame of another worker's home; false if nobody owns its node.
  @inline(__always)
  mutating func releaseForeign(_ granule: Int) -> Bool {
    if let window = slots.window(ofSlotWith: granule) {
      guard slots.custody(ofSlotIn: window)?.isWithApplication == true else { return false }
      return sendSlotHome(slots.base(ofSlotIn: window))
    }
    return send(granule)
  }

  /// Marks a foreign slot as on its way and sends it.
  mutating func sendSlotHome(_ base: Int) -> Bool {
    guard owner(of: base) != nil else { return false }
    slots.set(.returning, at: base)
    return send(base)
  }

  /// The worker that owns a granule's node; nil if it is the pool's.
  @inline(__always)
  func owner(of granule: Int) -> Int? {
    let owner = owners[granule >> 6]
    return owner == FramePool.noOwner ? nil : Int(owner >> 11 & 0x1F)
  }

  @inline(__always)
  private mutating func send(_ granule: Int) -> Bool {
    guard let owner = owner(of: granule), owner != worker, owner < workerCount else { return false }
    // A copy of the view: the thread sanitizer takes a change through `self` for one of the pool.
    let outboxes = self.outboxes
    return outboxes[owner].put(granule)
  }

  /// Takes back what another worker released: a slot marked as returning, or a packed frame.
  @inline(__always)
  private mutating func takeHome(_ granule: Int) {
    if !cachePacked(granule, fromAfar: true) { takeHomeSlowly(granule) }
  }

  @inline(never)
  private mutating func takeHomeSlowly(_ granule: Int) {
    guard let heap = ownHeap(of: granule), let base = map.base(of: granule) else {
      refusalCount += 1
      return
    }
    if map.isHeld(at: base) {
      free(base, heap: heap)
    } else if flights.holder(of: base) == nil, let window = slots.window(ofSlotWith: base),
      slots.custody(ofSlotIn: window) == .returning
    {
      restoreSlot(base, heap: heap)
    } else {
      refusalCount += 1
    }
  }
}

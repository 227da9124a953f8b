extension FrameAllocator {
  /// Granules by custody: the frame ledger as the allocator's tables have it.
  public struct Ledger: Sendable, Hashable {
    /// Granules of all nodes.
    public var total = 0
    /// With the allocator or the pool; the reserve counts as free.
    public var free = 0
    /// With the kernel, to receive into (any holder).
    public var fill = 0
    /// With the application, as received.
    public var received = 0
    /// With the application, allocated or settled.
    public var held = 0
    /// With the kernel, to send (any holder).
    public var transmit = 0
  }

  /// What a worker alone knows of frames that the tables of all call held.
  public struct Share: Sendable, Hashable {
    /// Granules that are ready to be allocated.
    public var ready = 0
    /// Granules of packed frames with the kernel, to send.
    public var flying = 0
    /// Packed frames with the application.
    public var packedFrames = 0
  }

  /// This worker's share of the ledger.
  ///
  /// Time grows with the memory.
  public func share() -> Share {
    var share = Share()
    for granule in flights.granules() {
      share.flying += ownHeap(of: granule) == nil ? 0 : map.length(at: granule)
    }
    for group in 0..<groupCount {
      for length in 1...Magazines.longest {
        share.ready += magazines.count(group, length) * length
      }
    }
    for page in 0..<map.pageCount where ownHeap(of: page << 6) != nil {
      share.packedFrames += map.pages[page].held.nonzeroBitCount
    }
    return share
  }

  /// Counts the tables.
  ///
  /// Time grows with the memory: for once a second, not for every burst. With several workers it
  /// counts the whole pool, so nobody may change it meanwhile, and what workers that are not among
  /// `others` have in flight or ready counts as held.
  public func ledger(with others: [Share] = []) -> Ledger {
    var ledger = Ledger(total: map.pageCount * Page.granules)
    for page in 0..<map.pageCount {
      ledger.held += Page.granules - map.free[page].nonzeroBitCount
    }
    for window in 0..<slots.entries.count {
      guard let custody = slots.custody(ofSlotIn: window) else { continue }
      let length = slotLength(at: slots.base(ofSlotIn: window))
      ledger.held -= length
      switch custody {
      case .received: ledger.received += length
      case .held: ledger.held += length
      case _ where custody.isFill: ledger.fill += length
      case _ where custody.isTransmit: ledger.transmit += length
      default: break
      }
    }
    for share in others + [share()] {
      ledger.held -= share.ready + share.flying
      ledger.transmit += share.flying
    }
    ledger.free =
      ledger.total - ledger.fill - ledger.received - ledger.held - ledger.transmit
    return ledger
  }

  /// Granules of the slot that begins at `base`: a page where those change hands whole.
  func slotLength(at base: Int) -> Int {
    let owner = owners[base >> 6]
    guard owner != FramePool.noOwner else { return slots.granules }
    let group = Int(owner & 0x7FF) >> 1
    return isIsolated(group) ? Page.granules : slots.granules
  }

  /// Frames in custody `custody`: of the application's, slots and packed frames of this worker.
  ///
  /// Time grows with the memory.
  public func count(in custody: Custody) -> Int {
    var count = 0
    for window in 0..<slots.entries.count where slots.custody(ofSlotIn: window) == custody {
      count += 1
    }
    if custody.isTransmit, let holder = custody.holder {
      count += flights.granules(of: holder).count
    }
    return custody == .held ? count + share().packedFrames : count
  }

  /// Granules of the frame that the byte at `address` lies in; 0 where there is none.
  public func granuleCount(at address: UInt64) -> Int {
    guard let granule = granule(at: address) else { return 0 }
    if let window = slots.window(ofSlotWith: granule) {
      return slotLength(at: slots.base(ofSlotIn: window))
    }
    guard ownHeap(of: granule) != nil, let base = map.base(of: granule) else { return 0 }
    return map.length(at: base)
  }

  /// Who has the byte at `address`; nil outside the memory.
  public func custody(of address: UInt64) -> Custody? {
    guard let granule = granule(at: address) else { return nil }
    if let window = slots.window(ofSlotWith: granule) { return slots.custody(ofSlotIn: window) }
    guard ownHeap(of: granule) != nil, let base = map.base(of: granule) else { return .free }
    if let holder = flights.holder(of: base) { return .transmit(holder) }
    return map.isHeld(at: base) ? .held : .free
  }

  /// Nodes that this worker has for a group, those in reserve included.
  public func nodeCount(of group: FlowGroup) -> Int {
    [Permission.normal, .critical].reduce(0) {
      $0 + Int(lists.nodeCounts[Self.heap(of: group.index, $1)])
    }
  }
}

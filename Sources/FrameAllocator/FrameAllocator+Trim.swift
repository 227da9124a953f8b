extension FrameAllocator {
  /// The addresses of the frame that the byte at `address` lies in, if the application has it.
  ///
  /// Nil for another worker's packed frame: its length is known there alone.
  public func extent(of address: UInt64) -> Range<UInt64>? {
    guard let granule = granule(at: address) else { return nil }
    if let window = slots.window(ofSlotWith: granule) {
      guard slots.custody(ofSlotIn: window)?.isWithApplication == true else { return nil }
      let first = UInt64(slots.base(ofSlotIn: window)) << 6
      return first..<first + UInt64(chunkSize)
    }
    guard let base = heldBase(of: granule) else { return nil }
    return UInt64(base) << 6..<UInt64(base + map.length(at: base)) << 6
  }

  /// Keeps `addresses` of a frame that the application has, rounded out to granules, and frees the
  /// rest: the tail behind a short packet, the head in front of it.
  ///
  /// A slot becomes a packed frame, in custody `.held`. Returns the first address kept, or nil if
  /// the application does not have all of them in one frame of this worker's, or the frame has
  /// pages of its own, which stay whole. Constant time, no copy.
  public mutating func trim(to addresses: Range<UInt64>) -> UInt64? {
    guard !addresses.isEmpty, let extent = extent(of: addresses.lowerBound),
      extent.upperBound >= addresses.upperBound, let granule = granule(at: extent.lowerBound),
      let heap = ownHeap(of: granule), !self.isIsolated(heap >> 1)
    else { return nil }
    let whole = granule..<Int(extent.upperBound >> 6)
    let kept = Int(addresses.lowerBound >> 6)..<Int((addresses.upperBound + 63) >> 6)
    if slots.window(ofSlotWith: granule) != nil {
      slots.clear(at: granule)
      slotCounts[heap >> 1] = slotCounts[heap >> 1] - 1
      trims[heap >> 1] = min(trims[heap >> 1], 254) + 1
    }
    map.setHeld(false, at: granule)
    map.begin(kept.lowerBound, isHeld: true)
    makeFree(whole.lowerBound, count: kept.lowerBound - whole.lowerBound, heap: heap)
    makeFree(kept.upperBound, count: whole.upperBound - kept.upperBound, heap: heap)
    return UInt64(kept.lowerBound) << 6
  }

  /// The flow group whose node the byte at `address` lies in, this worker's or another's; nil if it
  /// is no group's.
  public func group(of address: UInt64) -> FlowGroup? {
    guard let granule = granule(at: address) else { return nil }
    let owner = owners[granule >> 6]
    return owner == FramePool.noOwner ? nil : FlowGroup(index: Int(owner & 0x7FF) >> 1)
  }

  /// A frame of `byteCount` bytes of the same group to move the packet at `address` to, in a fuller
  /// node if there is one.
  ///
  /// Nil as for `allocate`, and if the packet's group has pages of its own for each frame.
  public mutating func allocateBeside(_ address: UInt64, byteCount: Int) -> UInt64? {
    guard let group = group(of: address), !self.isIsolated(group.index) else { return nil }
    return allocateDenser(than: address, byteCount: byteCount)
      ?? allocate(byteCount: byteCount, group: group)
  }

  /// A frame of `byteCount` bytes in another node that is no emptier than the one of the frame at
  /// `address`, to move that frame to; nil if there is none, or the frame is not this worker's.
  ///
  /// What packets held for long are moved together with, so that their old pages come free.
  public mutating func allocateDenser(than address: UInt64, byteCount: Int) -> UInt64? {
    guard byteCount > 0, byteCount <= maximumFrame, let granule = granule(at: address),
      let heap = ownHeap(of: granule), !self.isIsolated(heap >> 1)
    else { return nil }
    let length = (byteCount + 63) >> 6
    guard let node = bestFit(length, in: heap, 8), node != map.node(of: granule),
      freeGranules(of: node) <= freeGranules(of: map.node(of: granule)),
      let first = takeRun(of: length, in: heap)
    else { return nil }
    return UInt64(first) << 6
  }

  private func freeGranules(of node: Int) -> Int {
    (map.firstPage(of: node)..<map.firstPage(of: node + 1)).reduce(0) {
      $0 + map.free[$1].nonzeroBitCount
    }
  }

  /// First granule of the packed frame that a granule lies in, if it is this worker's and the
  /// application has it.
  private func heldBase(of granule: Int) -> Int? {
    guard ownHeap(of: granule) != nil, let base = map.base(of: granule) else { return nil }
    return map.isHeld(at: base) ? base : nil
  }
}

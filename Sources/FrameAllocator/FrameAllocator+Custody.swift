extension FrameAllocator {
  /// Moves the slot that begins at `base` from one custody to another; neither may be `.free`.
  ///
  /// Returns false and changes nothing if no slot in custody `from` begins there.
  public mutating func transfer(slotAt base: UInt64, from: Custody, to: Custody) -> Bool {
    assert(from != .free && to != .free, "slots are allocated and released")
    guard let place = slots.place(ofSlotAt: base, in: from) else { return false }
    slots.move(place, from: from, to: to)
    return true
  }

  /// Whether slots that one use gives back may go on to another without the allocator.
  ///
  /// All of them if it `isAlone`, else those that are in `slotHeap(of:)`. Not while reserve nodes
  /// are in use, which what comes back has to refill first.
  @inlinable public var mayPassOn: Bool {
    @inline(__always) get { reserveNodeCount == 0 }
  }

  /// The heap of this worker that slots for a group are of, unless they are of the reserve.
  ///
  /// One that is passed on to the group's use stays in its worker's and its group's account.
  @inlinable @inline(__always)
  public func slotHeap(of group: FlowGroup) -> SlotHeap {
    SlotHeap(owners: owners, owner: identity | UInt32(truncatingIfNeeded: group.index &<< 1))
  }
}

extension FrameAllocator {
  /// Makes room for `count` more packed frames in flight: the entries of a queue's transmit and
  /// completion rings.
  ///
  /// Allocates; for when a queue is bound.
  public mutating func reserveFlights(_ count: Int) {
    let capacity = flights.capacity + count
    guard !flights.holds(capacity) else {
      flights.capacity = capacity
      return
    }
    var larger = Flights(capacity: capacity, memory: memory)
    for granule in flights.granules() {
      guard let holder = flights.holder(of: granule) else { continue }
      _ = larger.insert(granule, holder: holder)
    }
    flights = larger
  }

  /// Whether one more packed frame can be given to be sent.
  ///
  /// Always, as long as everything comes back that the kernel has taken.
  public var mayDispatchPacked: Bool { flights.count < flights.capacity }

  /// Gives the frame that the byte at `address` lies in, whatever it is, to `holder` to be sent.
  ///
  /// Returns false and changes nothing if the application does not have it, or if it is a packed
  /// frame and more are in flight than room was made for.
  public mutating func dispatch(_ address: UInt64, to holder: Int) -> Bool {
    guard let place = slots.applicationPlace(of: address) else {
      return dispatchPacked(address, to: holder)
    }
    slots.moveFromApplication(place, to: .transmit(holder))
    return true
  }

  private mutating func dispatchPacked(_ address: UInt64, to holder: Int) -> Bool {
    guard let granule = granule(at: address) else { return false }
    guard ownHeap(of: granule) != nil else {
      return owner(of: granule) != nil && flights.insert(granule, holder: holder)
    }
    guard let base = map.base(of: granule) else { return false }
    guard map.isHeld(at: base), flights.insert(base, holder: holder) else { return false }
    map.setHeld(false, at: base)
    return true
  }

  /// Takes back the frame that the byte at `address` lies in, as sent by `holder`.
  ///
  /// Believed only if that holder was given that frame; returns false and changes nothing
  /// otherwise.
  @discardableResult
  public mutating func complete(_ address: UInt64, from holder: Int) -> Bool {
    release(address, from: .transmit(holder)) || completePacked(address, from: holder)
  }

  private mutating func completePacked(_ address: UInt64, from holder: Int) -> Bool {
    guard let granule = granule(at: address) else { return false }
    guard let heap = ownHeap(of: granule) else {
      guard flights.remove(granule, holder: holder) else { return false }
      return releaseForeign(granule)
    }
    guard let base = map.base(of: granule), flights.remove(base, holder: holder) else {
      return false
    }
    free(base, heap: heap)
    return true
  }

  /// Calls home every frame that `holder` has for receiving or sending, because its queue is gone.
  ///
  /// Only for a queue that the kernel no longer uses. Returns how many frames came from receiving
  /// and from sending. Time grows with the memory.
  @discardableResult
  public mutating func reclaim(from holder: Int) -> (fill: Int, transmit: Int) {
    var fill = 0
    var transmit = 0
    for window in 0..<slots.entries.count {
      switch slots.custody(ofSlotIn: window) {
      case Custody.fill(holder): fill += 1
      case Custody.transmit(holder): transmit += 1
      default: continue
      }
      _ = restoreSlotSlowly(slots.base(ofSlotIn: window))
    }
    for granule in flights.granules(of: holder) {
      transmit += 1
      _ = completePacked(UInt64(granule) << 6, from: holder)
    }
    return (fill, transmit)
  }
}

internal import BasicContainers

extension Engine {
  /// The frame of any descriptor taken off the port's receive ring, or nil if it names none.
  mutating func accept(_ descriptor: Descriptor, from index: Int) -> Frame.Remains? {
    guard !descriptor.continues else { return gather(descriptor, from: index) }
    guard isSound(descriptor),
      let place = allocator.slots.place(of: descriptor.address, in: .fill(index))
    else {
      refuseDescriptor(index)
      return nil
    }
    allocator.slots.move(place, from: .fill(index), to: .received)
    lanes[index].receivedBytes &+= UInt64(descriptor.byteCount)
    return Frame.Remains(
      address: descriptor.address, extent: UInt64(descriptor.byteCount), place: place,
      origin: index)
  }

  /// Whether a descriptor, with or without options, names bytes of the memory.
  private func isSound(_ descriptor: Descriptor) -> Bool {
    allocator.slots.holds(descriptor.address, extent: UInt64(descriptor.byteCount))
  }

  /// Collects the fragments of a jumbo packet into one frame.
  ///
  /// A packet with a piece that cannot be believed, or whose end is missing, is given up as a
  /// whole: its pieces are freed and it is counted; nil.
  mutating func gather(_ start: Descriptor, from index: Int) -> Frame.Remains? {
    var pieces = Pieces()
    var descriptor = start
    while true {
      collect(descriptor, from: index, into: &pieces)
      guard descriptor.continues else { break }
      guard let next = nextDescriptor(index) ?? descriptorBeyondWindow(index) else {
        pieces.isBroken = true
        break
      }
      descriptor = next
    }
    // One packet, if any, however many descriptors it took; the refused ones are corrected already.
    ports[index].counters.receivedPackets &-= UInt64(pieces.count)
    guard let first = pieces.first, !pieces.isBroken else {
      if let first = pieces.first {
        releasePieces(from: first, count: pieces.count, to: index)
      }
      ports[index].counters.dropBroken &+= 1
      return nil
    }
    ports[index].counters.receivedPackets &+= 1
    lanes[index].receivedBytes &+= UInt64(pieces.byteCount)
    return Frame.Remains(
      address: first.address, extent: UInt64(first.count), place: .none, origin: index,
      further: Frame.Further(
        count: pieces.count - 1, byteCount: Int(pieces.byteCount - first.count)))
  }

  /// The descriptor behind the window, which is over: a packet that began in it goes on there.
  private mutating func descriptorBeyondWindow(_ index: Int) -> Descriptor? {
    guard ports[index].socket.rings.receive.peek(1) != 0 else { return nil }
    return nextDescriptor(index)
  }

  /// What `gather` has collected of one packet.
  private struct Pieces {
    var first: Fragment?
    var last: Fragment?
    var count = 0
    var byteCount: UInt32 = 0
    var isBroken = false
  }

  private mutating func collect(
    _ descriptor: Descriptor, from index: Int, into pieces: inout Pieces
  ) {
    let fragment = Fragment(address: descriptor.address, count: descriptor.byteCount)
    guard isSound(descriptor),
      allocator.transfer(fragment.address, from: .fill(index), to: .received)
    else {
      refuseDescriptor(index)
      pieces.isBroken = true
      return
    }
    guard links.isEnabled else {
      // Nobody asked for multi-buffer packets: the piece goes straight back.
      recycle(fragment.address, to: index)
      ports[index].counters.receivedPackets &-= 1
      pieces.isBroken = true
      return
    }
    if let last = pieces.last {
      links.connect(last, to: fragment)
    } else {
      pieces.first = fragment
    }
    links.connect(fragment, to: Fragment(address: 0, count: 0))
    pieces.last = fragment
    pieces.count &+= 1
    pieces.byteCount &+= fragment.count
  }

  /// Sends the first packet since the port was flushed or its run was used up, and opens a run for
  /// those that follow; or whatever else the fast path does not send.
  @usableFromInline @inline(never)
  mutating func sendFirst(_ frame: Frame.Remains, to index: Int) {
    guard frame.further.isEmpty, openTransmit(index) else { return sendUnusual(frame, to: index) }
    allocator.slots.moveFromApplication(frame.place, to: .transmit(index))
    lanes[index].transmit.put(Descriptor(address: frame.address, extent: frame.extent))
    lanes[index].sentBytes &+= frame.extent
    dirty.insert(index)
  }

  /// Sends several fragments, onto a full ring, or to a port that is out of service.
  @inline(never)
  private mutating func sendUnusual(_ frame: Frame.Remains, to index: Int) {
    let count = UInt32(frame.fragments)
    if ports[index].isRetired {
      ports[index].counters.dropPortGone &+= 1
      return discard(frame)
    }
    closeTransmit(index)
    if ports[index].socket.rings.transmit.reserve(count) < count, !ports[index].isStalled {
      push(index)
    }
    guard ports[index].socket.rings.transmit.reserve(count) == count else {
      ports[index].counters.dropTransmitFull &+= 1
      return discard(frame)
    }
    put(frame, on: index)
    lanes[index].sentBytes &+= frame.extent &+ UInt64(frame.further.byteCount)
    dirty.insert(index)
  }

  /// Writes a frame onto the transmit ring, which has room for all of it.
  private mutating func put(_ frame: Frame.Remains, on index: Int) {
    guard !frame.further.isEmpty else {
      allocator.slots.moveFromApplication(frame.place, to: .transmit(index))
      return ports[index].socket.rings.transmit.put(
        Descriptor(address: frame.address, extent: frame.extent))
    }
    var fragment = firstFragment(of: frame)
    for number in 1...frame.fragments {
      _ = allocator.transferFromApplication(fragment.address, to: .transmit(index))
      ports[index].socket.rings.transmit.put(
        Descriptor(
          address: fragment.address, byteCount: fragment.count,
          options: number == frame.fragments ? 0 : Descriptor.continuation))
      if number != frame.fragments { fragment = links.next(after: fragment.address) }
    }
    ports[index].counters.sentPackets &-= UInt64(frame.fragments &- 1)
  }

  /// Releases what the fast path does not: the first frame of a burst, several fragments, and what
  /// the fill ring of its port does not want.
  @usableFromInline @inline(never)
  mutating func releaseUnusual(_ frame: Frame.Remains) {
    guard frame.further.isEmpty else {
      return releasePieces(
        from: firstFragment(of: frame), count: frame.fragments, to: frame.origin)
    }
    recycle(frame.address, to: frame.origin)
  }

  /// Puts one frame of the application on the fill ring of port `index` if that wants it, else
  /// frees it.
  mutating func recycle(_ address: UInt64, to index: Int) {
    if index < ports.count, !lanes[index].fill.isEmpty || openFill(index),
      allocator.transferFromApplication(address, to: .fill(index))
    {
      lanes[index].fill.put(allocator.slots.base(of: address))
    } else {
      free(address)
    }
  }

  /// Gives one frame of the application to the allocator.
  private mutating func free(_ address: UInt64) {
    allocator.release(address)
    balance &-= 1
  }

  /// Counts every fragment of a frame as held.
  @usableFromInline
  mutating func settleFragments(_ frame: Frame.Remains) {
    var fragment = firstFragment(of: frame)
    for number in 1...frame.fragments {
      _ = allocator.transferFromApplication(fragment.address, to: .held)
      if number != frame.fragments { fragment = links.next(after: fragment.address) }
    }
  }

  /// Frees every fragment of a frame that cannot be sent.
  private mutating func discard(_ frame: Frame.Remains) {
    guard !frame.further.isEmpty else {
      return free(frame.address)
    }
    releasePieces(
      from: firstFragment(of: frame), count: frame.fragments,
      to: frame.origin)
  }

  private mutating func releasePieces(from first: Fragment, count: Int, to index: Int) {
    var fragment = first
    for number in 0..<count {
      let next = number &+ 1 == count ? fragment : links.next(after: fragment.address)
      recycle(fragment.address, to: index)
      fragment = next
    }
  }

  /// The first fragment of a frame: all of it, unless it has several.
  func firstFragment(of frame: borrowing Frame) -> Fragment {
    Fragment(address: frame.address, count: UInt32(truncatingIfNeeded: frame.extent))
  }

  /// The first fragment of a spent frame: all of it, unless it has several.
  @usableFromInline
  func firstFragment(of frame: Frame.Remains) -> Fragment {
    Fragment(address: frame.address, count: UInt32(truncatingIfNeeded: frame.extent))
  }
}

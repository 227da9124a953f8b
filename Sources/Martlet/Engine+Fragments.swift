extension Engine {
  /// The frame of any descriptor taken off the port's receive ring, or nil if it names none.
  mutating func accept(_ descriptor: Descriptor, from index: Int) -> Frame.Remains? {
    guard !descriptor.continues else { return gather(descriptor, from: index) }
    guard let packet = packet(of: descriptor, from: index) else {
      refuseDescriptor(index)
      return nil
    }
    allocator.slots.move(packet.place, from: .fill(index), to: .received)
    lanes[index].receivedBytes &+= UInt64(descriptor.byteCount)
    return Frame.Remains(
      address: packet.address, extent: UInt64(descriptor.byteCount), layout: .slot(packet.place),
      origin: index)
  }

  /// The bytes that a descriptor, with or without options, names in a slot of the port's.
  func packet(of descriptor: Descriptor, from index: Int) -> SlotMap.Received? {
    let extent = UInt64(descriptor.byteCount)
    return allocator.slots.packet(at: descriptor.address, extent: extent, in: .fill(index))
      ?? allocator.slots.packet(anywhere: descriptor.address, extent: extent, in: .fill(index))
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
        let count = pieces.count - 1
        releaseUnusual(
          Frame.Remains(
            address: first.address, extent: 0,
            layout: Frame.Layout(furtherFragments: count, byteCount: 0), origin: index))
      }
      ports[index].counters.dropBroken &+= 1
      return nil
    }
    ports[index].counters.receivedPackets &+= 1
    lanes[index].receivedBytes &+= UInt64(pieces.byteCount)
    let further = Frame.Layout(
      furtherFragments: pieces.count - 1, byteCount: Int(pieces.byteCount - first.count))
    return Frame.Remains(
      address: first.address, extent: UInt64(first.count), layout: further, origin: index)
  }

  /// The descriptor behind the window, which is over: a packet that began in it goes on there.
  private mutating func descriptorBeyondWindow(_ index: Int) -> Descriptor? {
    guard ports[index].socket.rings.receive.peek(1) != 0 else { return nil }
    return nextDescriptor(index)
  }

  /// What `gather` has collected of one packet.
  private struct Pieces {
    var first: Fragment?
    /// Where the last one lies.
    var last: SlotMap.Place?
    var count = 0
    var byteCount: UInt32 = 0
    var isBroken = false
  }

  private mutating func collect(
    _ descriptor: Descriptor, from index: Int, into pieces: inout Pieces
  ) {
    guard let packet = packet(of: descriptor, from: index) else {
      refuseDescriptor(index)
      pieces.isBroken = true
      return
    }
    allocator.slots.move(packet.place, from: .fill(index), to: .received)
    let fragment = Fragment(address: packet.address, count: descriptor.byteCount)
    guard links.isEnabled, pieces.count < Frame.Layout.fragmentLimit else {
      // Nobody asked for multi-buffer packets, or for endless ones: the piece goes straight back.
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
    pieces.last = packet.place
    pieces.count &+= 1
    pieces.byteCount &+= fragment.count
  }

  /// The fragment after one that is not its packet's last.
  func fragment(after fragment: Fragment) -> Fragment {
    guard let place = allocator.slots.applicationPlace(of: fragment.address) else {
      preconditionFailure("a packet's fragment went away while the application had it")
    }
    return links.follower(of: place)
  }

  /// Does something with each fragment of a packet in turn; it may be gone afterwards.
  mutating func forEachFragment(
    of frame: Frame.Remains, _ body: (inout Engine, Fragment, _ isLast: Bool) -> Void
  ) {
    var fragment = firstFragment(of: frame)
    for _ in 0..<frame.layout.furtherFragments {
      let next = self.fragment(after: fragment)
      body(&self, fragment, false)
      fragment = next
    }
    body(&self, fragment, true)
  }

  /// Sends the first packet since the port was flushed or its run was used up, and opens a run for
  /// those that follow; or whatever else the fast path does not send.
  @usableFromInline @inline(never)
  mutating func sendFirst(_ frame: Frame.Remains, to index: Int) {
    ports.check(index)
    guard frame.layout.furtherFragments == 0, !lanes[index].transmit.isEmpty || openTransmit(index)
    else { return sendUnusual(frame, to: index) }
    if let place = frame.layout.slot {
      allocator.slots.moveFromApplication(place, to: .transmit(index))
    } else {
      guard allocator.dispatch(frame.address, to: index) else {
        return sendUnusual(frame, to: index)
      }
    }
    lanes[index].transmit.put(Descriptor(address: frame.address, extent: frame.extent))
    lanes[index].sentBytes &+= frame.extent
    dirty.insert(index)
  }

  /// Sends several fragments, onto a full ring, or to a port that is out of service.
  @inline(never)
  private mutating func sendUnusual(_ frame: Frame.Remains, to index: Int) {
    let count = UInt32(frame.layout.furtherFragments + 1)
    if ports[index].isRetired {
      ports[index].counters.dropPortGone &+= 1
      return discard(frame)
    }
    closeTransmit(index)
    if ports[index].socket.rings.transmit.reserve(count) < count, !ports[index].isStalled {
      push(index)
    }
    // Completions that got lost leave no room for packed frames; a jumbo packet's end may be one.
    guard ports[index].socket.rings.transmit.reserve(count) == count,
      frame.layout.slot != nil || allocator.mayDispatchPacked
    else {
      ports[index].counters.dropTransmitFull &+= 1
      return discard(frame)
    }
    forEachFragment(of: frame) { engine, fragment, isLast in
      guard engine.allocator.dispatch(fragment.address, to: index) else {
        preconditionFailure("a frame was sent that the application does not have")
      }
      engine.ports[index].socket.rings.transmit.put(
        Descriptor(
          address: fragment.address, byteCount: fragment.count,
          options: isLast ? 0 : Descriptor.continuation))
    }
    ports[index].counters.sentPackets &-= UInt64(count &- 1)
    lanes[index].sentBytes &+= frame.extent &+ UInt64(frame.layout.furtherBytes)
    dirty.insert(index)
  }

  /// Releases what the fast path does not: the first frame of a burst, several fragments, packed
  /// frames, and what the fill ring of its port does not want.
  @usableFromInline @inline(never)
  mutating func releaseUnusual(_ frame: Frame.Remains) {
    forEachFragment(of: frame) { engine, fragment, _ in
      engine.recycle(fragment.address, to: frame.origin)
    }
  }

  /// Puts one frame of the application on the fill ring of port `index` if that wants it, else
  /// frees it.
  mutating func recycle(_ address: UInt64, to index: Int) {
    guard ports.indices.contains(index), let place = allocator.slots.applicationPlace(of: address),
      !lanes[index].fill.isEmpty || openFill(index)
    else { return free(address) }
    allocator.slots.moveFromApplication(place, to: .fill(index))
    lanes[index].fill.put(allocator.slots.base(of: place))
  }

  /// Gives one frame of the application to the allocator.
  mutating func free(_ address: UInt64) {
    allocator.release(address)
    balance &-= 1
  }

  /// Gives up a frame that cannot be sent: of several fragments each goes back to its port's fill
  /// ring if that wants it, all else to the allocator.
  private mutating func discard(_ frame: Frame.Remains) {
    forEachFragment(of: frame) { engine, fragment, _ in
      if frame.layout.furtherFragments > 0 {
        engine.recycle(fragment.address, to: frame.origin)
      } else {
        engine.free(fragment.address)
      }
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

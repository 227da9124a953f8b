internal import BasicContainers

extension Engine {
  /// The frame of any descriptor taken off the port's receive ring, or nil if it names none.
  mutating func accept(_ descriptor: Descriptor, from index: Int) -> Frame? {
    guard !descriptor.continues else { return gather(descriptor, from: index) }
    guard isSound(descriptor),
      allocator.transfer(descriptor.address, from: .fill(index), to: .received)
    else {
      refuseDescriptor(index)
      return nil
    }
    return makeFrame(
      Fragment(address: descriptor.address, count: descriptor.byteCount),
      byteCount: descriptor.byteCount, fragments: 1, from: index)
  }

  /// Whether a descriptor, with or without options, names bytes of the memory.
  private func isSound(_ descriptor: Descriptor) -> Bool {
    allocator.holds(descriptor.address, extent: UInt64(descriptor.byteCount))
  }

  private mutating func makeFrame(
    _ first: Fragment, byteCount: UInt32, fragments: UInt16, from index: Int
  ) -> Frame {
    ports[index].counters.receivedBytes &+= UInt64(byteCount)
    tokens &+= Int(fragments)
    return Frame(
      address: first.address, count: byteCount, origin: UInt16(truncatingIfNeeded: index),
      fragments: fragments, memory: memory.identity)
  }

  /// Collects the fragments of a jumbo packet into one frame.
  ///
  /// A packet with a piece that cannot be believed, or whose end is missing, is given up as a
  /// whole: its pieces are freed and it is counted; nil.
  mutating func gather(_ start: Descriptor, from index: Int) -> Frame? {
    var pieces = Pieces()
    var descriptor = start
    while true {
      collect(descriptor, from: index, into: &pieces)
      guard descriptor.continues else { break }
      if ports[index].socket.rings.receive.remaining == 0,
        ports[index].socket.rings.receive.peek(1) == 0
      {
        pieces.isBroken = true
        break
      }
      descriptor = ports[index].socket.rings.receive.take()
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
    return makeFrame(
      first, byteCount: pieces.byteCount, fragments: pieces.count, from: index)
  }

  /// What `gather` has collected of one packet.
  private struct Pieces {
    var first: Fragment?
    var last: Fragment?
    var count: UInt16 = 0
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

  /// Sends what the fast path does not: several fragments, onto a full ring, or to a port that is
  /// out of service.
  @usableFromInline @inline(never)
  mutating func sendUnusual(_ frame: Frame.Remains, to index: Int) {
    let count = UInt32(frame.fragments)
    tokens &-= Int(count) &- 1
    if ports[index].isRetired {
      ports[index].counters.dropPortGone &+= 1
      return discard(frame)
    }
    if ports[index].socket.rings.transmit.reserve(count) < count, !ports[index].isStalled {
      push(index)
    }
    guard ports[index].socket.rings.transmit.reserve(count) == count else {
      ports[index].counters.dropTransmitFull &+= 1
      return discard(frame)
    }
    guard isApplications(frame) else { return refuseFrame(index) }
    var fragment = firstFragment(of: frame)
    for number in 0..<count {
      _ = allocator.transferFromApplication(fragment.address, to: .transmit(index))
      ports[index].socket.rings.transmit.put(
        Descriptor(
          address: fragment.address, byteCount: fragment.count,
          options: number &+ 1 == count ? 0 : Descriptor.continuation))
      if number &+ 1 != count { fragment = links.next(after: fragment.address) }
    }
    ports[index].counters.sentPackets &-= UInt64(count &- 1)
    ports[index].counters.sentBytes &+= UInt64(frame.count)
    markDirty(index)
  }

  /// Whether the application has every fragment of a frame: a packet is sent as a whole or not at
  /// all.
  private func isApplications(_ frame: Frame.Remains) -> Bool {
    var fragment = firstFragment(of: frame)
    for number in 0..<frame.fragments {
      guard let custody = allocator.custody(of: fragment.address),
        custody == .received || custody == .held
      else { return false }
      if number &+ 1 != frame.fragments { fragment = links.next(after: fragment.address) }
    }
    return true
  }

  /// Counts a frame that the application cannot have had; only a bug or a forged token gets here.
  @usableFromInline @inline(never)
  mutating func refuseFrame(_ index: Int) {
    assertionFailure("a frame was spent that the application does not have")
    ports[index].counters.untrusted &+= 1
  }

  /// Gives every fragment of a frame back to the port it came from.
  @usableFromInline @inline(never)
  mutating func releaseFragments(_ frame: Frame.Remains) {
    tokens &-= Int(frame.fragments) &- 1
    releasePieces(
      from: firstFragment(of: frame), count: frame.fragments,
      to: Int(truncatingIfNeeded: frame.origin))
  }

  /// Frees every fragment of a frame that cannot be sent.
  private mutating func discard(_ frame: Frame.Remains) {
    guard frame.fragments > 1 else {
      allocator.release(frame.address)
      return
    }
    releasePieces(
      from: firstFragment(of: frame), count: frame.fragments,
      to: Int(truncatingIfNeeded: frame.origin))
  }

  private mutating func releasePieces(from first: Fragment, count: UInt16, to index: Int) {
    var fragment = first
    for number in 0..<count {
      let next = number &+ 1 == count ? fragment : links.next(after: fragment.address)
      recycle(fragment.address, to: index)
      fragment = next
    }
  }

  /// The first fragment of a frame: all of it, unless it has several.
  func firstFragment(of frame: borrowing Frame) -> Fragment {
    frame.fragments == 1
      ? Fragment(address: frame.address, count: frame.count) : links.first(at: frame.address)
  }

  /// The first fragment of a spent frame: all of it, unless it has several.
  @usableFromInline
  func firstFragment(of frame: Frame.Remains) -> Fragment {
    frame.fragments == 1
      ? Fragment(address: frame.address, count: frame.count) : links.first(at: frame.address)
  }
}

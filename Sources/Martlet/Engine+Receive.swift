extension Engine {
  /// The next packet of the port's burst, or nil at the burst's end.
  ///
  /// Nil means that the burst is over (64 packets as a rule, or fewer when fewer were there): rings
  /// are published and what was sent is on its way. The next call begins a new burst, and returns
  /// nil again if nothing has arrived. Never blocks and never allocates; spend the frame by `send`,
  /// `release` or `settle`.
  @inlinable @inline(__always)
  public mutating func receive(from port: Port) -> Frame? {
    if _slowPath(lanes[port.index].receive.isEmpty), !turn(port.index) { return nil }
    let descriptor = lanes[port.index].receive.take()
    lanes[port.index].receivedBytes &+= descriptor.extent
    // One way out for all frames: the compiler then keeps a token's parts apart, in registers.
    let remains: Frame.Remains
    if let packet = packet(at: descriptor, from: port.index) {
      allocator.slots.move(packet.place, from: .fill(port.index), to: .received)
      remains = Frame.Remains(
        address: packet.address, extent: descriptor.extent, layout: .slot(packet.place),
        origin: port.index)
    } else {
      guard receiveUnusual(descriptor, from: port.index) else { return nil }
      remains = Frame.Remains(
        address: unusual.address, extent: unusual.extent, layout: unusual.layout,
        origin: port.index)
    }
    return Frame(remains, lifted, memory: memory.identity)
  }

  /// The packet that a descriptor names, if that is a whole one in a slot on the port's fill ring;
  /// `accept` takes one that ends just where an aligned slot does.
  @inlinable @inline(__always)
  mutating func packet(at descriptor: Descriptor, from index: Int) -> SlotMap.Received? {
    // One comparison tells the two kinds of memory apart and is part of the check of aligned slots.
    guard _fastPath(allocator.slots.covers(descriptor.address)) else {
      return allocator.slots.packet(
        anywhere: descriptor.address, extent: descriptor.extent, in: .fill(index))
    }
    return allocator.slots.packet(
      inside: descriptor.address, extent: descriptor.extent, in: .fill(index))
  }

  /// Takes a jumbo packet, or goes on behind what names no frame of the port; puts the frame into
  /// `unusual`, or returns false at the burst's end.
  @usableFromInline @inline(never)
  mutating func receiveUnusual(_ descriptor: Descriptor, from index: Int) -> Bool {
    // Counted as if it were usual.
    lanes[index].receivedBytes &-= descriptor.extent
    if let remains = accept(descriptor, from: index) {
      unusual = remains
      return true
    }
    while !lanes[index].receive.isEmpty || turn(index) {
      if let remains = accept(lanes[index].receive.take(), from: index) {
        unusual = remains
        return true
      }
    }
    return false
  }

  /// Where the open run is used up: opens the next one, of the window or, between bursts, of a new
  /// one.
  ///
  /// False at the end of a burst, which it closes, and if nothing has arrived.
  @usableFromInline @inline(never)
  mutating func turn(_ index: Int) -> Bool {
    ports.check(index)
    closeReceive(index)
    guard ports[index].isBursting else {
      guard openBurst(index) != 0 else {
        if !dirty.isEmpty { flush() }
        return false
      }
      ports[index].isBursting = true
      return true
    }
    // The window may go on where the ring's memory begins again.
    if ports[index].socket.rings.receive.remaining != 0 { return openNext(index) }
    ports[index].isBursting = false
    closeBurst(index)
    return false
  }

  /// Begins a burst: drains the port's completions, tops its fill ring up and opens a window of
  /// packets; says how many they are.
  @usableFromInline @inline(never)
  mutating func beginBurst(_ index: Int) -> UInt32 {
    ports.check(index)
    closeReceive(index)
    return openBurst(index)
  }

  @inline(__always)
  private mutating func openBurst(_ index: Int) -> UInt32 {
    if shared != nil { allocator.collect() }
    if _slowPath(!unstocked.isEmpty) { stockEmptyPorts() }
    drainCompletions(index)
    closeFill(index)
    if ports[index].posted < ports[index].fillDepth {
      refill(index)
      if ports[index].posted == 0 { relieve(index) }
    }
    submitFill(index)
    var count = ports[index].socket.rings.receive.peek(ports[index].burst)
    if count == 0, isBusyPolling { count = fetch(index) }
    if count != 0 {
      latestBurst = count
      gathering.arrivals &+= count
    }
    lanes[index].receive = ports[index].socket.rings.receive.openRun()
    if readsFacts {
      checkFacts(index)
      lift(index)
    }
    return count
  }

  /// Ends a burst: gives the walked entries back, publishes the fill ring and flushes what was
  /// sent.
  @usableFromInline @inline(never)
  mutating func endBurst(_ index: Int) {
    closeReceive(index)
    closeBurst(index)
  }

  @inline(__always)
  private mutating func closeBurst(_ index: Int) {
    ports[index].countReceived()
    ports[index].socket.rings.receive.release()
    closeFill(index)
    submitFill(index)
    if !dirty.isEmpty { flush() }
  }

  /// Publishes the port's fill ring and wakes its driver if that sleeps on it.
  @inline(__always)
  private mutating func submitFill(_ index: Int) {
    ports[index].socket.rings.fill.submit()
    if ports[index].socket.rings.fill.needsWakeup { ports[index].socket.wakeReceive() }
  }

  /// Gives the port's fill ring frames until it has its depth or none is free, and publishes them,
  /// with those that were put there between bursts.
  mutating func topUp(_ index: Int) {
    closeFill(index)
    if ports[index].posted < ports[index].fillDepth { refill(index) }
    submitFill(index)
  }

  /// Gives the port's fill ring, which has less than its depth, frames until it has that or none is
  /// free.
  private mutating func refill(_ index: Int) {
    let wanted = ports[index].fillDepth &- ports[index].posted
    var missing = ports[index].socket.rings.fill.reserve(wanted)
    balance &+= missing
    while missing != 0,
      let address = allocator.allocateSlot(group: ports[index].group, custody: .fill(index))
    {
      ports[index].socket.rings.fill.put(address)
      missing &-= 1
    }
    balance &-= missing
  }

  /// Gives a port its first frames.
  mutating func stock(_ index: Int) {
    unstocked.remove(index)
    ports[index].fillDepth = ports[index].wantedDepth
    topUp(index)
    // Its driver found the fill ring empty when it began, and may not have said that it sleeps.
    if ports[index].socket.isZeroCopy { ports[index].socket.wakeReceive() }
  }

  /// Stocks the ports that were left empty for their flows, but for those where strangers would
  /// come into pages that a process has: these wait for `place`.
  @inline(never)
  mutating func stockEmptyPorts() {
    while let index = unstocked.popFirst() {
      if exports.arenas.openDoor(index) != .barred { stock(index) }
    }
  }

  /// For a port without a frame to receive into: takes back what every port has sent, and tops up.
  @inline(never)
  private mutating func relieve(_ index: Int) {
    for other in ports.indices { drainCompletions(other) }
    if ports[index].posted < ports[index].fillDepth { refill(index) }
  }

  /// Counts a received descriptor that names no frame of the port; it used no fill entry.
  mutating func refuseDescriptor(_ index: Int) {
    ports[index].counters.untrusted &+= 1
    ports[index].counters.receivedPackets &-= 1
    ports[index].fillOrigin &-= 1
    balance &-= 1
  }
}

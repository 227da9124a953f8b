public import BasicContainers

extension Engine {
  /// The next packet of the port's burst, or nil at the burst's end.
  ///
  /// Nil means that the burst is over (64 packets, or fewer when fewer were there): rings are
  /// published and what was sent is on its way. The next call begins a new burst, and returns nil
  /// again if nothing has arrived. Never blocks and never allocates; spend the frame by `send`,
  /// `release` or `settle`.
  @inlinable @inline(__always)
  public mutating func receive(from port: Port) -> Frame? {
    guard ports[port.index].socket.rings.receive.remaining != 0 else { return turn(port) }
    let descriptor = ports[port.index].socket.rings.receive.take()
    guard allocator.holds(descriptor.address, extent: descriptor.extent),
      allocator.transfer(descriptor.address, from: .fill(port.index), to: .received)
    else { return receiveUnusual(descriptor, from: port) }
    ports[port.index].counters.receivedBytes &+= descriptor.extent
    tokens &+= 1
    return Frame(
      address: descriptor.address, count: descriptor.byteCount,
      origin: UInt16(truncatingIfNeeded: port.index), fragments: 1, memory: memory.identity)
  }

  /// Takes a jumbo packet, or goes on behind what names no frame of the port.
  @usableFromInline @inline(never)
  mutating func receiveUnusual(_ descriptor: Descriptor, from port: Port) -> Frame? {
    var descriptor = descriptor
    while true {
      if let frame = accept(descriptor, from: port.index) { return frame }
      guard ports[port.index].socket.rings.receive.remaining != 0 else { return turn(port) }
      descriptor = ports[port.index].socket.rings.receive.take()
    }
  }

  /// At the end of a burst closes it; otherwise opens the next one and takes its first packet.
  @usableFromInline @inline(never)
  mutating func turn(_ port: Port) -> Frame? {
    if ports[port.index].isBursting {
      ports[port.index].isBursting = false
      closeBurst(port.index)
      return nil
    }
    guard openBurst(port.index) != 0 else {
      if !dirty.isEmpty { flush() }
      return nil
    }
    ports[port.index].isBursting = true
    return receive(from: port)
  }

  /// Drains the port's completions, tops its fill ring up and opens a window of packets.
  @inlinable
  mutating func openBurst(_ index: Int) -> UInt32 {
    drainCompletions(index)
    topUp(index)
    if ports[index].posted == 0 { relieve(index) }
    return ports[index].socket.rings.receive.peek(burst)
  }

  /// Publishes the port's fill ring and wakes its driver if that sleeps on it.
  @inlinable
  mutating func publishFill(_ index: Int) {
    ports[index].socket.rings.fill.submit()
    if ports[index].socket.rings.fill.needsWakeup { ports[index].socket.wakeReceive() }
  }

  /// Gives the walked entries back, publishes the fill ring and flushes what was sent.
  @inlinable
  mutating func closeBurst(_ index: Int) {
    ports[index].countReceived()
    ports[index].socket.rings.receive.release()
    publishFill(index)
    if !dirty.isEmpty { flush() }
  }

  /// Gives the port's fill ring frames until it has its depth or none is free, and publishes them,
  /// with those that were put there between bursts.
  @inlinable
  mutating func topUp(_ index: Int) {
    var missing = fillRoom(index, atMost: .max)
    while missing != 0,
      let address = allocator.allocateSlot(custody: .fill(index))
    {
      ports[index].socket.rings.fill.put(address)
      missing &-= 1
    }
    publishFill(index)
  }

  /// For a port without a frame to receive into: takes back what every port has sent, and tops up.
  @usableFromInline @inline(never)
  mutating func relieve(_ index: Int) {
    for other in 0..<ports.count { drainCompletions(other) }
    topUp(index)
  }

  /// Takes back what the kernel has sent: to the port's own fill ring while that wants frames and
  /// nobody was promised them, else to the allocator.
  ///
  /// A completion that names no frame this port was sending is counted and ignored.
  @inlinable
  mutating func drainCompletions(_ index: Int) {
    let count = ports[index].socket.rings.completion.peek(.max)
    // What a port out of service completes late was called home already.
    guard count != 0, !ports[index].isRetired else { return }
    let room = allocator.mayPassOn ? fillRoom(index, atMost: count) : 0
    var strangers = recycleCompletions(index, room)
    while ports[index].socket.rings.completion.remaining != 0 {
      let address = ports[index].socket.rings.completion.take()
      if !allocator.release(address, from: .transmit(index)) { strangers &+= 1 }
    }
    ports[index].socket.rings.fill.submit()
    ports[index].socket.rings.completion.release()
    // What names no frame of this port completes nothing: the frames are still in flight.
    ports[index].transmitOrigin &-= strangers
    ports[index].counters.untrusted &+= UInt64(strangers)
  }

  /// Moves the next `count` completions to the port's fill ring, which has room for them; returns
  /// how many of them named no frame that the port was sending.
  ///
  /// A function of its own: with less to keep in registers its loop is shorter by 6 instructions of
  /// 27 per packet.
  @usableFromInline @inline(never)
  mutating func recycleCompletions(_ index: Int, _ count: UInt32) -> UInt32 {
    var position = ports[index].socket.rings.completion.position
    let end = position &+ count
    // From the completion ring's position to the fill ring's: one less with every stranger.
    let start = ports[index].socket.rings.fill.position &- position
    var distance = start
    while position != end {
      let address = ports[index].socket.rings.completion.entry(at: position)
      if allocator.transfer(address, from: .transmit(index), to: .fill(index)) {
        ports[index].socket.rings.fill.put(allocator.base(of: address), at: position &+ distance)
      } else {
        distance &-= 1
      }
      position &+= 1
    }
    ports[index].socket.rings.completion.advance(to: end)
    ports[index].socket.rings.fill.advance(to: end &+ distance)
    return start &- distance
  }

  /// How many frames the port's fill ring wants and has room for, at most `count`.
  @inlinable @inline(__always)
  mutating func fillRoom(_ index: Int, atMost count: UInt32) -> UInt32 {
    let depth = ports[index].fillDepth
    let posted = ports[index].posted
    guard posted < depth else { return 0 }
    let wanted = depth &- posted
    return ports[index].socket.rings.fill.reserve(wanted < count ? wanted : count)
  }

  /// Counts a received descriptor that names no frame of the port; it used no fill entry.
  mutating func refuseDescriptor(_ index: Int) {
    ports[index].counters.untrusted &+= 1
    ports[index].counters.receivedPackets &-= 1
    ports[index].fillOrigin &-= 1
  }
}

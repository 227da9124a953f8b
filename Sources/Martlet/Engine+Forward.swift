public import BasicContainers

extension Engine {
  /// Takes one burst off port `source`, asks `decide` about each packet and sends those that go
  /// forward out of port `destination`, which may be the same.
  ///
  /// Returns how many descriptors it took.
  ///
  /// The tightest loop there is: packets never become frame tokens, dropped ones go straight back
  /// to the fill ring. Rings are published and kicked before it returns. Packets that the
  /// destination's transmit ring has no room for are dropped and counted (`tx_full`).
  @inlinable @inline(__always) @discardableResult
  public mutating func forward(
    from source: Port, to destination: Port, _ decide: (inout Packet) -> Verdict
  ) -> Int {
    let count = openBurst(source.index)
    guard count != 0 else { return 0 }
    while ports[source.index].socket.rings.receive.remaining != 0 {
      if let descriptor = walk(from: source.index, to: destination.index, decide) {
        forwardUnusual(descriptor, from: source, to: destination, decide)
      }
    }
    closeBurst(source.index)
    return Int(truncatingIfNeeded: count)
  }

  /// Walks as much of the open window as the destination has room for.
  ///
  /// Stops early at a descriptor that is not one whole packet of this port, or that there is no
  /// room for, and returns it.
  @inlinable @inline(__always)
  mutating func walk(
    from source: Int, to destination: Int, _ decide: (inout Packet) -> Verdict
  ) -> Descriptor? {
    let remaining = ports[source].socket.rings.receive.remaining
    let room = ports[destination].socket.rings.transmit.reserve(remaining)
    guard room != 0 else { return ports[source].socket.rings.receive.take() }
    // The kernel took as many entries off the fill ring, so there is room to put them back.
    _ = ports[source].socket.rings.fill.reserve(remaining)
    var walk = BurstWalk(
      receive: ports[source].socket.rings.receive.position,
      fill: ports[source].socket.rings.fill.position,
      transmit: ports[destination].socket.rings.transmit.position)
    var unusual: Descriptor?
    while walk.walked != room {
      let descriptor = ports[source].socket.rings.receive.entry(at: walk.receivePosition)
      guard let place = allocator.place(of: descriptor.address, in: .fill(source)),
        allocator.holds(descriptor.address, extent: descriptor.extent)
      else {
        unusual = descriptor
        break
      }
      let byteCount = Int(truncatingIfNeeded: descriptor.extent)
      walk.receivedBytes &+= byteCount
      var packet = Packet(
        memory.packet(at: descriptor.address, count: byteCount), byteCount: byteCount,
        fragmentCount: 1)
      if decide(&packet) == .forward {
        allocator.move(place, from: .fill(source), to: .transmit(destination))
        ports[destination].socket.rings.transmit.put(descriptor, at: walk.transmitPosition)
      } else {
        ports[source].socket.rings.fill.put(
          allocator.base(of: descriptor.address), at: walk.fillPosition)
        walk.dropped &+= 1
        walk.droppedBytes &+= byteCount
      }
      walk.walked &+= 1
    }
    closeWalk(walk, from: source, to: destination)
    if unusual != nil { _ = ports[source].socket.rings.receive.take() }
    return unusual
  }

  /// A burst while it is walked, in registers rather than in the ports: how far the walk is, and
  /// what it adds up.
  ///
  /// The positions in all three rings follow from that.
  @usableFromInline struct BurstWalk {
    @usableFromInline let receiveStart: UInt32
    @usableFromInline let fillStart: UInt32
    @usableFromInline let transmitStart: UInt32
    @usableFromInline var walked: UInt32 = 0
    @usableFromInline var dropped: UInt32 = 0
    @usableFromInline var droppedBytes = 0
    @usableFromInline var receivedBytes = 0

    @inlinable @inline(__always)
    init(receive: UInt32, fill: UInt32, transmit: UInt32) {
      receiveStart = receive
      fillStart = fill
      transmitStart = transmit
    }

    @inlinable var receivePosition: UInt32 {
      @inline(__always) get { receiveStart &+ walked }
    }

    @inlinable var fillPosition: UInt32 {
      @inline(__always) get { fillStart &+ dropped }
    }

    @inlinable var transmitPosition: UInt32 {
      @inline(__always) get { transmitStart &+ walked &- dropped }
    }
  }

  /// Moves the rings to where the walk has come and adds it to the counters.
  @inlinable @inline(__always)
  mutating func closeWalk(_ walk: BurstWalk, from source: Int, to destination: Int) {
    ports[source].socket.rings.receive.advance(to: walk.receivePosition)
    ports[source].socket.rings.fill.advance(to: walk.fillPosition)
    ports[destination].socket.rings.transmit.advance(to: walk.transmitPosition)
    let sent = walk.walked &- walk.dropped
    ports[source].counters.receivedBytes &+= UInt64(truncatingIfNeeded: walk.receivedBytes)
    ports[source].counters.dropVerdict &+= UInt64(walk.dropped)
    guard sent != 0 else { return }
    ports[destination].counters.sentBytes &+= UInt64(
      truncatingIfNeeded: walk.receivedBytes &- walk.droppedBytes)
    markDirty(destination)
  }

  /// The same for one descriptor that the walk stopped at: a jumbo packet's first fragment, a
  /// packet that there was no room for, or what names no frame of the port.
  @usableFromInline @inline(never)
  mutating func forwardUnusual(
    _ descriptor: Descriptor, from source: Port, to destination: Port,
    _ decide: (inout Packet) -> Verdict
  ) {
    guard let frame = accept(descriptor, from: source.index) else { return }
    let first = firstFragment(of: frame)
    var packet = Packet(
      memory.packet(at: first.address, count: Int(truncatingIfNeeded: first.count)),
      byteCount: frame.byteCount, fragmentCount: frame.fragmentCount)
    switch decide(&packet) {
    case .forward:
      send(frame, to: destination)
    case .drop:
      ports[source.index].counters.dropVerdict &+= 1
      release(frame)
    }
  }
}

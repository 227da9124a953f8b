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
    ports.check(destination.index)
    let count = beginBurst(source.index)
    guard count != 0 else { return 0 }
    repeat {
      if let descriptor = walk(from: source.index, to: destination.index, decide) {
        forwardUnusual(descriptor, from: source, to: destination, decide)
      }
    } while !lanes[source.index].receive.isEmpty || openNext(source.index)
    endBurst(source.index)
    return Int(truncatingIfNeeded: count)
  }

  /// Walks the open run of the window for as long as both other rings have a run to put packets
  /// into.
  ///
  /// Stops early at a descriptor that is not one whole packet of this port, or that there is no
  /// room for, and returns it.
  @inlinable @inline(__always)
  mutating func walk(
    from source: Int, to destination: Int, _ decide: (inout Packet) -> Verdict
  ) -> Descriptor? {
    // Two loops: the one for aligned slots has no register left for what the other one needs.
    if allocator.slots.takesOffsets {
      return walkAnywhere(from: source, to: destination, decide)
    }
    return walk(from: source, to: destination, decide) { slots, descriptor in
      slots.packet(inside: descriptor.address, extent: descriptor.extent, in: .fill(source))
    }
  }

  @inlinable @inline(never)
  mutating func walkAnywhere(
    from source: Int, to destination: Int, _ decide: (inout Packet) -> Verdict
  ) -> Descriptor? {
    walk(from: source, to: destination, decide) { slots, descriptor in
      slots.packet(anywhere: descriptor.address, extent: descriptor.extent, in: .fill(source))
    }
  }

  @inlinable @inline(__always)
  mutating func walk(
    from source: Int, to destination: Int, _ decide: (inout Packet) -> Verdict,
    _ find: (SlotMap, Descriptor) -> SlotMap.Received?
  ) -> Descriptor? {
    // Runs of its own, in registers: the lanes' are for whoever goes packet by packet.
    closeFill(source)
    closeTransmit(destination)
    var receive = lanes[source].receive
    let count = receive.count
    let room = ports[destination].socket.rings.transmit.openRun(count)
    let wanted = ports[source].socket.rings.fill.openRun(min(count, ports[source].fillShortage))
    var transmit = room
    var fill = wanted
    var left = min(transmit.count, fill.count)
    guard left != 0 else { return lanes[source].receive.take() }
    var bytes = 0
    var droppedBytes = 0
    let slots = allocator.slots
    var unusual: Descriptor?
    while left != 0 {
      let descriptor = receive.first
      guard let found = find(slots, descriptor) else {
        unusual = receive.take()
        break
      }
      let byteCount = Int(truncatingIfNeeded: descriptor.extent)
      bytes &+= byteCount
      var packet = Packet(
        memory.packet(at: found.address, count: byteCount), byteCount: byteCount,
        fragmentCount: 1, seal: packetSeal)
      if decide(&packet) == .forward {
        slots.move(found.place, from: .fill(source), to: .transmit(destination))
        transmit.put(Descriptor(address: found.address, extent: descriptor.extent))
      } else {
        fill.put(slots.base(of: found.place, with: found.address))
        droppedBytes &+= byteCount
      }
      receive.skip()
      left &-= 1
    }
    lanes[source].receive = receive
    lanes[source].receivedBytes &+= UInt64(truncatingIfNeeded: bytes)
    let dropped = fill.distance(from: wanted)
    ports[source].socket.rings.fill.skip(dropped)
    ports[source].counters.dropVerdict &+= UInt64(truncatingIfNeeded: dropped)
    let sent = transmit.distance(from: room)
    ports[destination].socket.rings.transmit.skip(sent)
    lanes[destination].sentBytes &+= UInt64(truncatingIfNeeded: bytes &- droppedBytes)
    if sent != 0 { dirty.insert(destination) }
    return unusual
  }

  /// The same for one descriptor that the walk stopped at: a jumbo packet's first fragment, a
  /// packet that there was no room for, or what names no frame of the port.
  @usableFromInline @inline(never)
  mutating func forwardUnusual(
    _ descriptor: Descriptor, from source: Port, to destination: Port,
    _ decide: (inout Packet) -> Verdict
  ) {
    guard let remains = accept(descriptor, from: source.index) else { return }
    let frame = Frame(remains, lifted, memory: memory.identity)
    let first = firstFragment(of: frame)
    var packet = Packet(
      memory.packet(at: first.address, count: Int(truncatingIfNeeded: first.count)),
      byteCount: frame.byteCount, fragmentCount: frame.fragmentCount, seal: packetSeal)
    switch decide(&packet) {
    case .forward:
      send(frame, to: destination)
    case .drop:
      ports[source.index].counters.dropVerdict &+= 1
      release(frame)
    }
  }
}

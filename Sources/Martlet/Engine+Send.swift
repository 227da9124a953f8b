extension Engine {
  /// Sends a frame: the packet leaves at the end of the burst, in `wait` or in `flush`.
  ///
  /// If the port's transmit ring is full, it is flushed first; if that makes no room, the packet is
  /// dropped, its frame freed and the drop counted (`tx_full`). Traps if the frame belongs to
  /// another engine's memory.
  @inlinable @inline(__always)
  public mutating func send(_ frame: consuming Frame, to port: Port) {
    let frame = frame.spend(in: memory.identity)
    guard let place = frame.layout.slot, _fastPath(!lanes[port.index].transmit.isEmpty) else {
      return sendFirst(frame, to: port.index)
    }
    lanes[port.index].transmit.put(Descriptor(address: frame.address, extent: frame.extent))
    lanes[port.index].sentBytes &+= frame.extent
    allocator.slots.moveFromApplication(place, to: .transmit(port.index))
  }

  /// How many frames `send` can take for the port before it has to flush, or drop one.
  ///
  /// For loops that make packets and would rather wait than drop. Looks at the kernel's cursor.
  @inlinable
  public mutating func sendRoom(of port: Port) -> Int {
    ports.check(port.index)
    closeTransmit(port.index)
    return Int(ports[port.index].socket.rings.transmit.reserve(.max))
  }

  /// Gives a frame back without sending it: to the fill ring of the port it came from if that wants
  /// frames, else to the allocator.
  @inlinable @inline(__always)
  public mutating func release(_ frame: consuming Frame) {
    let frame = frame.spend(in: memory.identity)
    guard let place = frame.layout.slot, _fastPath(!lanes[frame.origin].fill.isEmpty) else {
      return releaseUnusual(frame)
    }
    lanes[frame.origin].fill.put(allocator.slots.base(of: place, with: frame.address))
    allocator.slots.moveFromApplication(place, to: .fill(frame.origin))
  }

  /// A frame of `byteCount` bytes to write a packet into, with undefined contents.
  ///
  /// In unaligned memory it is as long as asked, rounded up to 64 bytes, and packed with others in
  /// its page; in aligned memory it has a chunk of its own. `Configuration.packsFrames` says
  /// otherwise. Returns nil if `byteCount` is not in `1 ... maximumFrame`, or if nothing
  /// is free for this group and permission, also after the completions of every port were drained.
  @inlinable @inline(__always)
  public mutating func allocate(
    byteCount: Int, group: FlowGroup = .shared, permission: Permission = .normal
  ) -> Frame? {
    guard byteCount > 0, byteCount <= allocator.chunkSize,
      let remains = find(byteCount: byteCount, group: group, permission: permission)
        ?? findAfterDraining(byteCount: byteCount, group: group, permission: permission)
    else { return nil }
    balance &+= 1
    return Frame(remains, memory: memory.identity)
  }

  @inlinable @inline(__always)
  mutating func find(
    byteCount: Int, group: FlowGroup, permission: Permission
  ) -> Frame.Remains? {
    let extent = UInt64(truncatingIfNeeded: byteCount)
    if packsFrames {
      guard
        let address = allocator.allocate(
          byteCount: byteCount, group: group, permission: permission)
      else { return nil }
      return Frame.Remains(
        address: address, extent: extent, layout: .packed, origin: Frame.ownOrigin)
    }
    guard
      let address = allocator.allocateSlot(group: group, permission: permission, custody: .held)
    else { return nil }
    return Frame.Remains(
      address: address, extent: extent, layout: .slot(allocator.slots.place(ofSlotAt: address)),
      origin: Frame.ownOrigin)
  }

  /// Drains the completions of every port and tries once more.
  @usableFromInline @inline(never)
  mutating func findAfterDraining(
    byteCount: Int, group: FlowGroup, permission: Permission
  ) -> Frame.Remains? {
    for index in ports.indices { drainCompletions(index) }
    return find(byteCount: byteCount, group: group, permission: permission)
  }
}

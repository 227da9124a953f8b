public import BasicContainers

extension Engine {
  /// Sends a frame: the packet leaves at the end of the burst, in `wait` or in `flush`.
  ///
  /// If the port's transmit ring is full, it is flushed first; if that makes no room, the packet is
  /// dropped, its frame freed and the drop counted (`tx_full`). Traps if the frame belongs to
  /// another engine's memory.
  @inlinable @inline(__always)
  public mutating func send(_ frame: consuming Frame, to port: Port) {
    let frame = frame.spend(in: memory.identity)
    tokens &-= 1
    guard frame.fragments == 1, ports[port.index].socket.rings.transmit.hasRoom() else {
      return sendUnusual(frame, to: port.index)
    }
    guard allocator.transferFromApplication(frame.address, to: .transmit(port.index)) else {
      return refuseFrame(port.index)
    }
    ports[port.index].socket.rings.transmit.put(
      Descriptor(address: frame.address, byteCount: frame.count))
    ports[port.index].counters.sentBytes &+= UInt64(frame.count)
    markDirty(port.index)
  }

  /// How many frames `send` can take for the port before it has to flush, or drop one.
  ///
  /// For loops that make packets and would rather wait than drop. Looks at the kernel's cursor.
  @inlinable
  public mutating func sendRoom(of port: Port) -> Int {
    Int(ports[port.index].socket.rings.transmit.reserve(.max))
  }

  /// Gives a frame back without sending it: to the fill ring of the port it came from if that wants
  /// frames, else to the allocator.
  @inlinable @inline(__always)
  public mutating func release(_ frame: consuming Frame) {
    let frame = frame.spend(in: memory.identity)
    tokens &-= 1
    guard frame.fragments == 1 else { return releaseFragments(frame) }
    recycle(frame.address, to: Int(truncatingIfNeeded: frame.origin))
  }

  /// Keeps a received frame: from here on it counts as held.
  ///
  /// The frame may move: use the token that is returned. In this version it stays where it is.
  @inlinable
  public mutating func settle(_ frame: consuming Frame) -> Frame {
    let remains = frame.spend(in: memory.identity)
    var fragment = firstFragment(of: remains)
    for number in 0..<remains.fragments {
      if number != 0 { fragment = links.next(after: fragment.address) }
      _ = allocator.transferFromApplication(fragment.address, to: .held)
    }
    return Frame(
      address: remains.address, count: remains.count, origin: remains.origin,
      fragments: remains.fragments, memory: memory.identity)
  }

  /// A frame of `byteCount` bytes to write a packet into, with undefined contents.
  ///
  /// It has a chunk of its own: the kernel takes no packet that lies across two in aligned mode.
  /// Returns nil if `byteCount` is not in `1 ... maximumFrame`, or if nothing is free for this
  /// group and permission, also after the completions of every port were drained.
  @inlinable @inline(__always)
  public mutating func allocate(
    byteCount: Int, group: FlowGroup = .shared, permission: Permission = .normal
  ) -> Frame? {
    guard byteCount > 0, byteCount <= allocator.chunkSize,
      let address = allocator.allocateSlot(group: group, permission: permission, custody: .held)
        ?? allocateAfterDraining(group: group, permission: permission)
    else { return nil }
    tokens &+= 1
    return Frame(
      address: address, count: UInt32(truncatingIfNeeded: byteCount), origin: .max, fragments: 1,
      memory: memory.identity)
  }

  /// Drains the completions of every port and tries once more.
  @usableFromInline @inline(never)
  mutating func allocateAfterDraining(group: FlowGroup, permission: Permission) -> UInt64? {
    for index in 0..<ports.count { drainCompletions(index) }
    return allocator.allocateSlot(group: group, permission: permission, custody: .held)
  }

  @inlinable @inline(__always)
  mutating func markDirty(_ index: Int) {
    guard !ports[index].isDirty else { return }
    ports[index].isDirty = true
    dirty.append(index)
  }

  /// Puts one frame of the application on the fill ring of port `index` if that wants it, else
  /// frees it.
  @inlinable @inline(__always)
  mutating func recycle(_ address: UInt64, to index: Int) {
    if index < ports.count, ports[index].posted < ports[index].fillDepth,
      ports[index].socket.rings.fill.hasRoom(),
      allocator.transferFromApplication(address, to: .fill(index))
    {
      ports[index].socket.rings.fill.put(allocator.base(of: address))
    } else {
      free(address)
    }
  }

  /// Gives one frame of the application to the allocator; apart, so that loops which give theirs to
  /// a fill ring stay small.
  @usableFromInline @inline(never)
  mutating func free(_ address: UInt64) {
    allocator.release(address)
  }
}

extension Engine {
  /// The bytes of a frame, to read; of its first fragment if it has several.
  ///
  /// While the view is in use, the frame cannot be spent and the engine cannot be changed: that
  /// does not compile. Look in a function that borrows both, such as `inspect(engine, frame)`: the
  /// compiler lets a frame bound by `let` not be spent in the function that looked at it. Traps if
  /// the frame belongs to another engine's memory. Cost: one comparison.
  @inlinable @inline(__always) @_lifetime(borrow self, borrow frame)
  public func bytes(of frame: borrowing Frame) -> RawSpan {
    precondition(frame.memory == memory.identity, "this frame belongs to another engine's memory")
    return memory.span(at: frame.address, count: Int(truncatingIfNeeded: frame.extent))
  }

  /// All bytes of a flow group's arena, to read: just what a process sees that it is exported to.
  ///
  /// Traps unless the group has an arena of its own (`FlowGroup.Configuration.arena`).
  @_lifetime(borrow self)
  public func memory(of group: FlowGroup) -> RawSpan {
    guard let arena = allocator.arenas.first(where: { $0.group == group }) else {
      preconditionFailure("flow group \(group.index) has no arena of its own")
    }
    return memory.span(at: arena.addresses.lowerBound, count: arena.addresses.count)
  }

  /// The bytes of a frame, to read and write; of its first fragment if it has several.
  ///
  /// Excludes every other use of the frame while the view is in use.
  @inlinable @inline(__always) @_lifetime(borrow self, &frame)
  public func mutableBytes(of frame: inout Frame) -> MutableRawSpan {
    precondition(frame.memory == memory.identity, "this frame belongs to another engine's memory")
    return memory.mutableSpan(at: frame.address, count: Int(truncatingIfNeeded: frame.extent))
  }

  /// The bytes of fragment `number` of a frame, to read; number 0 is what `bytes(of:)` gives.
  ///
  /// Traps if the frame has no such fragment. Time grows with `number`.
  @_lifetime(borrow self, borrow frame)
  public func bytes(of frame: borrowing Frame, fragment number: Int) -> RawSpan {
    precondition(number >= 0 && number < frame.fragmentCount, "the frame has no fragment \(number)")
    precondition(frame.memory == memory.identity, "this frame belongs to another engine's memory")
    if number == 0 { return bytes(of: frame) }
    var fragment = firstFragment(of: frame)
    for _ in 0..<number { fragment = self.fragment(after: fragment) }
    return memory.span(at: fragment.address, count: Int(fragment.count))
  }

  /// Makes the packet of a frame of one fragment `byteCount` bytes long; what follows it is
  /// undefined.
  ///
  /// Returns false and changes nothing if the frame has several fragments or no room for that, or
  /// if the kernel would not send it: a packet is no longer than a chunk.
  public func setByteCount(_ byteCount: Int, of frame: inout Frame) -> Bool {
    precondition(frame.memory == memory.identity, "this frame belongs to another engine's memory")
    guard frame.fragmentCount == 1, byteCount > 0, byteCount <= allocator.chunkSize,
      let extent = allocator.extent(of: frame.address),
      byteCount <= Int(extent.upperBound - frame.address),
      mayBeSent(from: frame.address, byteCount: byteCount)
    else { return false }
    frame.extent = UInt64(truncatingIfNeeded: byteCount)
    return true
  }
}

extension Engine {
  /// Takes back what the kernel has sent: to a fill ring that wants frames, the port's own before
  /// another of its group's, while nobody was promised them and they are of its engine's and its
  /// group's memory, else to the allocator.
  ///
  /// A completion that names no frame this port was sending is counted and ignored.
  @inline(__always)
  mutating func drainCompletions(_ index: Int) {
    if ports[index].socket.rings.completion.hasPending { takeCompletions(index) }
  }

  @inline(never)
  private mutating func takeCompletions(_ index: Int) {
    let count = ports[index].socket.rings.completion.peek(.max)
    // What a port out of service completes late was called home already.
    guard count != 0, !ports[index].isRetired else { return }
    let recipient = recipient(of: index)
    // For one worker with one group mostly this is all.
    if !allocator.isAlone || !allocator.mayPassOn || recycle(index, to: recipient) != count {
      takeOtherCompletions(index)
    }
    ports[recipient].socket.rings.fill.submit()
    ports[index].socket.rings.completion.release()
  }

  /// Takes what is left of the completion ring's window.
  @inline(never)
  private mutating func takeOtherCompletions(_ index: Int) {
    while allocator.mayPassOn, ports[index].socket.rings.completion.remaining != 0 {
      let recipient = recipient(of: index)
      if passOn(index, to: recipient) != 0 {
        ports[recipient].socket.rings.fill.submit()
        continue
      }
      guard ports[recipient].fillShortage != 0 else { break }
      completeStrangers(index)
    }
    while ports[index].socket.rings.completion.remaining != 0 {
      completeRun(index) { _ in true }
    }
  }

  private mutating func passOn(_ index: Int, to recipient: Int) -> UInt32 {
    allocator.isAlone ? recycle(index, to: recipient) : recycleOwn(index, to: recipient)
  }

  /// The port whose fill ring takes what a port has sent: its own, unless that wants nothing and
  /// another one of the group does.
  ///
  /// Where packets go one way only, the ring they came from runs short while that of the port they
  /// leave by is full. Closes the runs of the fill rings that it looks at.
  @inline(__always)
  private mutating func recipient(of index: Int) -> Int {
    closeFill(index)
    if ports[index].fillShortage != 0 { return index }
    if let last = ports[index].recipient {
      closeFill(last)
      if ports[last].fillShortage != 0 { return last }
    }
    return findRecipient(of: index)
  }

  @inline(never)
  private mutating func findRecipient(of index: Int) -> Int {
    let group = ports[index].group
    for other in ports.indices where ports[other].group == group {
      closeFill(other)
      guard ports[other].fillShortage != 0 else { continue }
      ports[index].recipient = other
      return other
    }
    return index
  }
}

// What one use gives back to the next. A function of its own for each kind of memory but the most
// common one, so that what it needs fits the registers.
extension Engine {
  /// Moves completions to the recipient's fill ring until it wants no more, either ring goes round
  /// its end, or a completion names no slot that the port was sending and may have back; returns
  /// how many it moved.
  @inline(__always)
  private mutating func recycle(_ index: Int, to recipient: Int) -> UInt32 {
    let slots = allocator.slots
    guard !slots.isUnaligned else { return recycleAnywhere(index, to: recipient) }
    return recycle(index, to: recipient) { slots.slot(aligned: $0, in: .transmit(index)) }
  }

  @inline(never)
  private mutating func recycleAnywhere(_ index: Int, to recipient: Int) -> UInt32 {
    let slots = allocator.slots
    return recycle(index, to: recipient) { slots.slot(anywhere: $0, in: .transmit(index)) }
  }

  /// The same where memory is several workers' or groups': every slot stays in the account of the
  /// one it belongs to.
  @inline(never)
  private mutating func recycleOwn(_ index: Int, to recipient: Int) -> UInt32 {
    let slots = allocator.slots
    let heap = allocator.slotHeap(of: ports[index].group)
    guard !slots.isUnaligned else { return recycleOwnAnywhere(index, to: recipient) }
    return recycle(index, to: recipient) { slots.slot(aligned: $0, in: .transmit(index), of: heap) }
  }

  @inline(never)
  private mutating func recycleOwnAnywhere(_ index: Int, to recipient: Int) -> UInt32 {
    let slots = allocator.slots
    let heap = allocator.slotHeap(of: ports[index].group)
    return recycle(index, to: recipient) {
      slots.slot(anywhere: $0, in: .transmit(index), of: heap)
    }
  }

  @inline(__always)
  private mutating func recycle(
    _ index: Int, to recipient: Int, _ find: (UInt64) -> SlotMap.Found?
  ) -> UInt32 {
    let slots = allocator.slots
    var completed = ports[index].socket.rings.completion.openRun()
    var fill = ports[recipient].socket.rings.fill.openRun(ports[recipient].fillShortage)
    let limit = min(completed.count, fill.count)
    var left = limit
    // Two at a time, which halves what going round costs.
    if left & 1 != 0 {
      guard pass(&completed, to: &fill, of: index, recipient, slots, find) else { return 0 }
      left &-= 1
    }
    while left != 0 {
      guard pass(&completed, to: &fill, of: index, recipient, slots, find) else { break }
      left &-= 1
      guard pass(&completed, to: &fill, of: index, recipient, slots, find) else { break }
      left &-= 1
    }
    let count = limit &- left
    ports[index].socket.rings.completion.skip(count)
    ports[recipient].socket.rings.fill.skip(count)
    balance &+= count
    return count
  }

  /// Moves the next completion to the fill ring, if it names a slot that the port was sending.
  @inline(__always)
  private func pass(
    _ completed: inout RingRun<UInt64>, to fill: inout RingRun<UInt64>, of index: Int,
    _ recipient: Int, _ slots: SlotMap, _ find: (UInt64) -> SlotMap.Found?
  ) -> Bool {
    guard let slot = find(completed.first) else { return false }
    slots.move(slot.place, from: .transmit(index), to: .fill(recipient))
    completed.skip()
    fill.put(slot.base)
    return true
  }
}

// What goes home through the allocator.
extension Engine {
  /// Gives the frames of completions to the allocator, up to the next one that `recycle` takes.
  ///
  /// Traffic between workers or groups is strangers only.
  private mutating func completeStrangers(_ index: Int) {
    let slots = allocator.slots
    let heap = allocator.slotHeap(of: ports[index].group)
    if slots.isUnaligned {
      completeRun(index) { slots.slot(anywhere: $0, in: .transmit(index), of: heap) == nil }
    } else {
      completeRun(index) { slots.slot(aligned: $0, in: .transmit(index), of: heap) == nil }
    }
  }

  /// Gives the frame of the next completion to the allocator, and those behind it in the ring's
  /// memory while `isNext` says so.
  @inline(__always)
  private mutating func completeRun(_ index: Int, while isNext: (UInt64) -> Bool) {
    var completed = ports[index].socket.rings.completion.openRun()
    let count = completed.count
    repeat {
      complete(completed.take(), of: index)
    } while !completed.isEmpty && isNext(completed.first)
    ports[index].socket.rings.completion.skip(count &- completed.count)
  }

  /// Gives the frame that a completion names to the allocator.
  @inline(__always)
  private mutating func complete(_ address: UInt64, of index: Int) {
    if !allocator.release(address, from: .transmit(index)) { completeUnusual(address, of: index) }
  }

  /// Gives a packed frame that was sent to the allocator; what names no frame that the port was
  /// sending completes nothing and is counted.
  @inline(never)
  private mutating func completeUnusual(_ address: UInt64, of index: Int) {
    guard !allocator.complete(address, from: index) else { return }
    ports[index].transmitOrigin &-= 1
    ports[index].counters.untrusted &+= 1
  }
}

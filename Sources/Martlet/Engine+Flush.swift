extension Engine {
  /// Publishes what was sent on every port, kicks the kernel where it asks for it and drains the
  /// completions.
  ///
  /// Costs one system call per port, in copy mode one per 256 packets (before Linux 6.17 per 32);
  /// one more for the first of many packets since the engine slept, nothing if nothing was sent.
  public mutating func flush() {
    var rest = dirty
    dirty = PortSet()
    while let index = rest.popFirst() {
      if !push(index) { dirty.insert(index) }
    }
  }

  /// Publishes the port's transmit ring, kicks the kernel and drains completions.
  ///
  /// False if the kernel would not take everything for now: the next flush tries again.
  @inline(__always) @discardableResult
  mutating func push(_ index: Int) -> Bool {
    closeTransmit(index)
    ports[index].countSent()
    ports[index].socket.rings.transmit.submit()
    var isDone = true
    if _slowPath(ports[index].socket.rings.transmit.needsWakeup) { isDone = kick(index) }
    ports[index].isStalled = !isDone
    drainCompletions(index)
    return isDone
  }

  /// For so many packets it is not worth two system calls to be awaited no more and then again.
  private static let fewPackets = 8

  /// Kicks until the kernel has taken every descriptor or takes no more for now.
  ///
  /// One `sendto` moves a bounded number of packets in copy mode, and none while the completion
  /// ring is full.
  @inline(never)
  private mutating func kick(_ index: Int) -> Bool {
    if !ports[index].socket.isZeroCopy, ports[index].socket.rings.transmit.pending > Self.fewPackets
    {
      ignoreSocket(index)
    }
    var mayDrain = true
    while ports[index].socket.rings.transmit.needsWakeup {
      let pending = ports[index].socket.rings.transmit.pending
      guard pending != 0 else { return true }
      switch ports[index].socket.kick() {
      case .done, .again:
        guard ports[index].socket.rings.transmit.pending == pending else { continue }
        guard mayDrain else { return false }
        mayDrain = false
        drainCompletions(index)
        if isBusyPolling { ports[index].socket.wakeSleepers() }
      case .down:
        return false
      case .gone:
        // `wait` finds out and calls the frames home.
        return true
      }
    }
    return true
  }
}

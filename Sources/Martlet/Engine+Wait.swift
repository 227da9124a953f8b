extension Engine {
  /// Flushes, then sleeps until a packet is there, something changed, or `timeout` has passed.
  ///
  /// False only after `stop()`: `while try engine.wait() { ... }` is the loop. Returns at once if
  /// packets are there already, and always in spin mode, there some 2 microseconds later if nothing
  /// is there after a burst of 32 or more. Otherwise it lets packets gather where they come in
  /// numbers (`Configuration.gathers`) and `timeout` is a millisecond or more: for some 70
  /// microseconds, beside the time-out, in which nothing wakes it.
  ///
  /// Completions are drained and taken receive entries given back on every port; fill rings are
  /// topped up where a burst is open, and if no packet is there on every port. Where a port's
  /// kernel would not take everything, or a port can receive nothing until something was sent, it
  /// returns after a millisecond, and with a heartbeat after half of its limit; it sleeps no longer
  /// than until a process that gives no packets back is given up (`ExportTerms.stallLimit`). Nil
  /// waits for ever. Throws when an interface has vanished, its frames having come home, unless the
  /// configuration says to go on. Costs what the flush costs, and one system call when it sleeps,
  /// one when it lets packets gather, and one more for each port in zero copy, or in copy mode that
  /// sent more than a few packets since the last sleep.
  public mutating func wait(timeout: Duration? = nil) throws(XDPError) -> Bool {
    control.heart?.beat()
    control.isGuestReady = false
    if shared != nil { allocator.collect() }
    if exports.count != 0 { serveExports() }
    if !dirty.isEmpty { flush() }
    if !unstocked.isEmpty { stockEmptyPorts() }
    var isPending = takeBack()
    let mustRetry = exports.count != 0 && returnSlots()
    isPending = topUpPorts(all: !isPending) || isPending
    if !isPending { isPending = letGather(timeout) }
    // Of shared memory nobody sees all at once.
    if shared == nil { assertConserved() }
    if control.stop.isRequested { return false }
    if isPending || isSpinning {
      control.skippedPolls += max(1, ports.count)
      // The file descriptors have their turn also when packets never cease.
      guard control.skippedPolls >= Self.pollInterval, control.isPollDue else { return true }
    }
    control.skippedPolls = 0
    let sleeps = !isPending && !isSpinning && timeout.map({ $0 <= .zero }) != true
    if sleeps { sleep(sleepLimit(timeout, mustRetry)) } else { control.wakes.poll() }
    // Mostly it is a socket, which the loop looks at.
    if control.wakes.isAnyReady || control.mustCheckLinks { try look() }
    if exports.count != 0 { wakeExports(havingSlept: sleeps) }
    control.heart?.beat()
    return !control.stop.isRequested
  }

  /// Drains every port's completions and gives back the entries that were taken off its receive
  /// ring; says whether one has others.
  @inline(__always)
  private mutating func takeBack() -> Bool {
    var isPending = false
    for index in ports.indices {
      drainCompletions(index)
      closeReceive(index)
      ports[index].socket.rings.receive.release()
      if ports[index].socket.rings.receive.hasPending { isPending = true }
    }
    return isPending
  }

  /// Tops up the fill ring of every port, or of those alone where a burst is open; says whether
  /// packets have come meanwhile.
  ///
  /// Where a burst is open also if packets are there: nobody knows when it will be at its end, and
  /// a port without frames takes no packet to wake up for. Behind all completions: what one port
  /// has sent may be what another needs to receive.
  @inline(__always)
  private mutating func topUpPorts(all: Bool) -> Bool {
    var isPending = false
    isStarved = false
    for index in ports.indices where all || ports[index].isBursting {
      topUp(index)
      if ports[index].posted == 0, ports[index].fillDepth != 0 { isStarved = true }
      if ports[index].socket.rings.receive.hasPending { isPending = true }
    }
    return isPending
  }

  private mutating func sleep(_ timeout: Duration?) {
    guard exports.count == 0 || sleepExports() else {
      control.wakes.poll()
      return
    }
    if !control.zeroCopyPorts.isEmpty { wakeDrivers() }
    // What cannot be waited for is looked at every millisecond.
    let retry = Duration.milliseconds(1)
    let areAwaited = control.unawaited.isEmpty || awaitSockets()
    control.wakes.wait(timeout: areAwaited ? timeout : min(timeout ?? retry, retry))
  }

  /// Wakes zero-copy drivers that began to sleep since they were looked at: a flag that a driver
  /// sets just then would not be seen, and what is on its rings would lie there.
  func wakeDrivers() {
    var rest = control.zeroCopyPorts
    while let index = rest.popFirst() { ports[index].socket.wakeSleepers() }
  }

  /// Lets packets at every port end the sleep, for as long as the port sends little; false if they
  /// cannot for one.
  private mutating func awaitSockets() -> Bool {
    var rest = control.unawaited
    while let index = rest.popFirst() {
      if control.wakes.add(socket: ports[index].socket.fileDescriptor) {
        control.unawaited.remove(index)
      }
    }
    return control.unawaited.isEmpty
  }

  /// Takes a port's socket out of what the engine sleeps on, until the next sleep.
  ///
  /// In copy mode the kernel looks after each packet that was sent who waits for the socket, which
  /// takes some 110 ns if anybody does.
  mutating func ignoreSocket(_ index: Int) {
    guard !control.unawaited.contains(index) else { return }
    control.wakes.remove(ports[index].socket.fileDescriptor)
    control.unawaited.insert(index)
  }

  /// Ends the loop: the next `wait` returns false.
  ///
  /// `stopSignal` does the same from another thread.
  public func stop() { control.stop.request() }

  /// Ends the loop from any thread, or from a signal handler.
  public var stopSignal: StopSignal { control.stop }

  /// Lets SIGINT and SIGTERM end the loop instead of the process, for as long as the engine lives;
  /// SIGHUP too, unless it is ignored or handled.
  public mutating func stopOnSignals() throws(XDPError) {
    guard control.signals == nil else { return }
    control.signals = try SignalWatch()
    if let descriptor = control.signals?.fileDescriptor {
      control.wakes.replace(at: EngineControl.signalPlace, with: descriptor)
    }
  }

  /// Leaves these signals to the process again, for the thread that called `stopOnSignals`.
  mutating func leaveSignals() {
    control.wakes.replace(at: EngineControl.signalPlace, with: -1)
    control.signals = nil
  }

  /// Ends the sleep also when there is something to read from a descriptor of the application's.
  ///
  /// One descriptor, which stays the application's, or none; a set of them is one as well (epoll).
  /// When packets never cease, it is looked at every now and then.
  public mutating func watch(_ fileDescriptor: Int32?) {
    control.wakes.replace(at: EngineControl.guestPlace, with: fileDescriptor ?? -1)
    control.isGuestReady = false
  }

  /// Whether the last `wait` found something to read from the descriptor that `watch` named.
  public var isWatchedReady: Bool { control.isGuestReady }

  /// How many bursts, of all ports together, may go by without a look at the clock, which says
  /// whether it is time for a look at the file descriptors.
  ///
  /// One of 256 packets takes a quarter of a millisecond in copy mode, and `stop` must be seen
  /// within 100 ms.
  private static let pollInterval = 16

  /// What is stuck in a transmit ring has no event, and no completion has one: it is tried again
  /// after a millisecond.
  private func sleepLimit(_ timeout: Duration?, _ mustRetry: Bool) -> Duration? {
    var limit = timeout
    if let longest = control.longestSleep { limit = min(limit ?? longest, longest) }
    // Whoever stalls wakes nobody.
    if exports.count != 0, let left = exports.timeToStall { limit = min(limit ?? left, left) }
    guard !dirty.isEmpty || isStarved && isSending || mustRetry || control.mustCheckLinks
    else { return limit }
    let retry = Duration.milliseconds(1)
    return min(limit ?? retry, retry)
  }

  /// Whether frames are on their way out at a port.
  private var isSending: Bool {
    for index in ports.indices where ports[index].inFlight != 0 { return true }
    return false
  }

  /// Finds out what woke the poll, other than packets.
  private mutating func look() throws(XDPError) {
    control.isGuestReady = control.wakes.isReady(at: EngineControl.guestPlace)
    if control.signals != nil, control.wakes.isReady(at: EngineControl.signalPlace),
      control.signals?.drain() == true
    {
      control.stop.request()
    }
    if control.wakes.isReady(at: EngineControl.bellPlace), control.steering.doorbell.answer() {
      try control.renewHeart()
    }
    if control.wakes.isReady(at: EngineControl.linkPlace), control.links?.drain() == true {
      control.mustCheckLinks = true
    }
    if control.mustCheckLinks { try checkLinks() }
  }

  /// Looks at the interface of every port: which went down, came up, or is gone.
  private mutating func checkLinks() throws(XDPError) {
    var lost: Interface?
    control.mustCheckLinks = false
    for index in ports.indices {
      let binding = control.bindings[index]
      guard binding.state != .gone, binding.interface.index != 0 else { continue }
      // Where the kernel says nothing it is as it was, and is looked at again.
      guard let state = control.links?.state(of: binding.interface),
        // Before that the kernel is not done with the port's frames.
        state != .gone || control.links?.awaitRemovals() == true
      else {
        control.mustCheckLinks = true
        continue
      }
      if state == .gone {
        bringHome(index)
        lost = binding.interface
      }
      control.bindings[index].state = state
    }
    guard let lost, control.configuration.endsWhenInterfaceGoes else { return }
    throw XDPError(
      .interfaceGone, operation: "use \(lost.name)",
      reason: "the interface vanished; its frames came home",
      remedy: "start again when it is back")
  }

  /// Calls every frame home from a port whose interface is gone, and takes the port out of service.
  ///
  /// The kernel has unbound its socket.
  mutating func bringHome(_ index: Int) {
    drainCompletions(index)
    closeReceive(index)
    closeFill(index)
    closeTransmit(index)
    allocator.reclaim(from: index)
    balance &-= ports[index].takenFrames(with: lanes[index])
    lanes[index].sentBytes &-= ports[index].retire()
    balance &+= ports[index].takenFrames(with: lanes[index])
    ignoreSocket(index)
    control.unawaited.remove(index)
    control.zeroCopyPorts.remove(index)
    let interface = control.bindings[index].interface
    control.steering.shared.with { $0.vanish(interface) }
    control.deferrals.remove(index)
    unstocked.remove(index)
    if isBusyPolling { control.bindings[index].polling = .unnamed }
    dirty.remove(index)
  }
}

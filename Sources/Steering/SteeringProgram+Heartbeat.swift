public import XSK

extension SteeringProgram {
  /// Sends everything to the kernel while the application's heart does not beat; nil turns it off.
  ///
  /// If `beat` is not called for longer than `limit`, every packet of every interface goes to the
  /// kernel, whatever the rules say, until it is called again. Where several workers serve the
  /// queues each has a `heart` of its own, and only the packets of a worker's own queues go to the
  /// kernel with it. The program compares ticks of the kernel (1 to 10 ms), so that a limit below
  /// some ticks is not to be had: it is rounded up.
  public mutating func setHeartbeat(_ limit: Duration?) throws(XDPError) {
    guard let limit else {
      heartbeat = nil
      return object.settings.setBeatLimit(0)
    }
    try startClock()
    let now = clock?.ticks ?? 0
    // Who did not know of it has as long as the others to begin.
    for worker in 0..<SettingsPage.workerCount { object.settings.beat(now, worker: worker) }
    let ticks = clock?.ticks(in: limit) ?? 0
    object.settings.setBeatLimit(UInt32(clamping: max(2, ticks)))
    heartbeat = limit
  }

  /// The longest that the application may sleep without a beat: half of the heartbeat's limit.
  public var longestSleep: Duration? { heartbeat.map { $0 / 2 } }

  /// Says that the application is alive, if it has one worker alone.
  ///
  /// Two stores and a look at a clock, without a system call.
  public func beat() {
    guard heartbeat != nil, let clock else { return }
    object.settings.beat(clock.ticks, worker: 0)
  }

  /// The heart of a worker, for its thread: it beats for the sockets that were registered as the
  /// worker's.
  ///
  /// Good for as long as the program is attached anywhere. Traps if there can be no such worker.
  public mutating func heart(of worker: Int) throws(XDPError) -> Heart {
    precondition((0..<Heart.limit).contains(worker), "there is no worker \(worker)")
    try startClock()
    guard let clock else { preconditionFailure("the clock was started") }
    return Heart(of: worker, settings: try SettingsPage(map: object.settingsMap), clock: clock)
  }

  /// Reads the kernel's clock, the first time.
  mutating func startClock() throws(XDPError) {
    if clock == nil { clock = try JiffiesClock() }
  }
}

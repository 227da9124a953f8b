public import XSK

extension SteeringProgram {
  /// Sends everything to the kernel while the application's heart does not beat; nil turns it off.
  ///
  /// If `beat` is not called for longer than `limit`, every packet of every interface goes to the
  /// kernel, whatever the rules say, until it is called again. The program compares ticks of the
  /// kernel (1 to 10 ms), so that a limit below some ticks is not to be had: it is rounded up.
  public mutating func setHeartbeat(_ limit: Duration?) throws(XDPError) {
    heartbeat = limit
    guard let limit else { return object.settings.setBeatLimit(0) }
    try startClock()
    beat()
    let ticks = clock?.ticks(in: limit) ?? 0
    object.settings.setBeatLimit(UInt32(clamping: max(2, ticks)))
  }

  /// The longest that the application may sleep without a beat: half of the heartbeat's limit.
  public var longestSleep: Duration? { heartbeat.map { $0 / 2 } }

  /// Says that the application is alive.
  ///
  /// Two stores and a look at a clock, without a system call.
  public func beat() {
    guard heartbeat != nil, let clock else { return }
    object.settings.beat(clock.ticks)
  }

  /// Reads the kernel's clock, the first time.
  mutating func startClock() throws(XDPError) {
    if clock == nil { clock = try JiffiesClock() }
  }
}

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

extension SteeringProgram {
  /// Whether each packet that goes to a socket has `PacketFacts` in front of it.
  ///
  /// With them every packet is looked at, and the cache tells all flows apart. Off, which it is at
  /// first, not a byte is written. A driver that keeps no metadata has packets without facts.
  public mutating func setFacts(_ areWritten: Bool) throws(XDPError) {
    guard areWritten != writesFacts else { return }
    guard unconfirmed == nil else {
      throw XDPError(
        .configuration, operation: "turn the packets' facts on or off",
        reason: "a change of rules is not confirmed yet", remedy: "confirm it or roll it back")
    }
    writesFacts = areWritten
    do throws(XDPError) {
      try publish(book)
    } catch {
      writesFacts = !areWritten
      throw error
    }
    setFlags()
  }

  /// `enum flags` of bpf/steer.h.
  func setFlags() {
    object.settings.setFlags((writesFacts ? 1 : 0) | (acceptsFragments ? 2 : 0))
  }
}

extension Engine {
  /// Flushes and takes completions back until everything that was sent has come home, for at most
  /// `timeout`; says whether it has.
  ///
  /// For the end of a program, before the ledger is read. Completions come without an event, so it
  /// looks every millisecond.
  @discardableResult
  public mutating func drain(timeout: Duration) -> Bool {
    let end = ContinuousClock.now + timeout
    // A set of nothing: waiting for it lets the time pass.
    var pause = Poller(capacity: 1)
    while true {
      flush()
      var isHome = true
      for index in ports.indices {
        drainCompletions(index)
        if ports[index].inFlight != 0 { isHome = false }
      }
      if isHome || ContinuousClock.now >= end { return isHome }
      _ = pause.wait(timeout: .milliseconds(1))
    }
  }
}

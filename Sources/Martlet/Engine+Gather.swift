/// Where packets come in numbers they are let gather: a look at the rings, or a sleep, then serves
/// many of them. Where they come one by one nothing is put off.
extension Engine {
  /// For `wait` that has found no packet: lets some time pass if they come in numbers; whether some
  /// are there then.
  @inline(__always)
  mutating func letGather(_ timeout: Duration?) -> Bool {
    if isSpinning {
      // Who looks at a ring all the time takes the line of its cursor away from the processor that
      // fills it.
      if latestBurst >= Self.crowd, !isBusyPolling { Processor.relax() }
      return false
    }
    let arrivals = arrivals
    self.arrivals = 0
    return arrivals >= Self.crowd && letGather(behind: arrivals, timeout)
  }

  /// Dozes, if there is room for many times the packets that have arrived since the last sleep.
  @inline(never)
  private mutating func letGather(behind arrivals: UInt32, _ timeout: Duration?) -> Bool {
    guard gathers, exports.count == 0 else { return false }
    if let timeout, timeout < Self.shortestTimeout { return false }
    for index in ports.indices where !ports[index].isRetired {
      guard ports[index].posted / Self.margin >= arrivals else { return false }
    }
    gatherings &+= 1
    Processor.doze()
    for index in ports.indices where ports[index].socket.rings.receive.hasPending { return true }
    return false
  }

  /// From how many packets at a time on the next ones are let gather.
  private static let crowd: UInt32 = 32

  /// How many times as many packets the fill rings have room for: what comes in a doze may come
  /// several times as fast as what came before, or for as much longer.
  private static let margin: UInt32 = 8

  /// Who waits for less counts on it.
  private static let shortestTimeout = Duration.milliseconds(1)
}

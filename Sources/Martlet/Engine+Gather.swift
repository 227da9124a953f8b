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
      if latestBurst >= Gathering.crowd, !isBusyPolling { Processor.relax() }
      return false
    }
    guard let arrivals = gathering.turn() else { return false }
    return doze(behind: arrivals, timeout)
  }

  /// Dozes, if there is room for many times the packets that have arrived since the last sleep.
  @inline(never)
  private mutating func doze(behind arrivals: UInt32, _ timeout: Duration?) -> Bool {
    guard exports.count == 0 else { return false }
    if let timeout, timeout < Self.shortestTimeout { return false }
    // A port that was left empty gets no packet, nor does one whose interface is gone.
    for index in ports.indices where ports[index].fillDepth != 0 {
      guard ports[index].posted / Self.margin >= arrivals else { return false }
    }
    // As before a sleep, which may not come for long: where dozes bring packets they follow each
    // other.
    if !control.zeroCopyPorts.isEmpty { wakeDrivers() }
    gathering.begin()
    Processor.doze()
    for index in ports.indices where ports[index].socket.rings.receive.hasPending { return true }
    gathering.endEmpty()
    return false
  }

  /// How often `wait` let packets gather (`Configuration.gathers`).
  public var gatherings: UInt64 { gathering.count }

  /// How many times as many packets the fill rings have room for: what comes in a doze may come
  /// several times as fast as what came before, or for as much longer.
  private static let margin: UInt32 = 8

  /// Who waits for less counts on it.
  private static let shortestTimeout = Duration.milliseconds(1)
}

/// Whether letting packets gather pays.
///
/// It does where a doze brings more of them than a sleep that the first one ends. It does not where
/// they come in bursts with pauses between, or from somebody who waits for answers: then it is
/// tried less and less often.
struct Gathering {
  /// Packets since `wait` last found none.
  var arrivals: UInt32 = 0
  /// How often packets were let gather.
  private(set) var count: UInt64 = 0
  private let isWanted: Bool
  /// What arrived from one sleep to the next without a doze between.
  private var usual: UInt32 = 0
  /// Whether what arrives does so in and after a doze.
  private var hasDozed = false
  /// How many sleeps to go by after a doze that did not pay, and how many of them are left.
  private var pause: UInt32 = 0
  private var left: UInt32 = 0

  init(isWanted: Bool) {
    self.isWanted = isWanted && Processor.timerSlack <= Self.longestSlack
  }

  /// For when there is no packet: what has arrived since the last time, if a doze is worth a try.
  @inline(__always)
  mutating func turn() -> UInt32? {
    let arrivals = arrivals
    self.arrivals = 0
    if hasDozed { learn(from: arrivals) } else { usual = arrivals }
    guard arrivals >= Self.crowd, isWanted else { return nil }
    guard left == 0 else {
      left -= 1
      return nil
    }
    return arrivals
  }

  /// Notes that a doze begins.
  mutating func begin() {
    count += 1
    hasDozed = true
  }

  /// Notes that a doze has brought nothing.
  mutating func endEmpty() { learn(from: 0) }

  private mutating func learn(from arrivals: UInt32) {
    hasDozed = false
    pause = arrivals / 2 >= usual ? 0 : min(2 * pause + 1, Self.longestPause)
    left = pause
  }

  /// From how many packets at a time on the next ones are let gather.
  static let crowd: UInt32 = 32

  private static let longestPause: UInt32 = 255

  /// A doze is to take microseconds.
  private static let longestSlack = Duration.microseconds(100)
}

import Collector

/// Runs one loop over many bursts; callgrind counts inside the loop only, and writes what it
/// counted to a file that carries the name, the burst and the packets.
struct Measurement {
  /// Packets per burst.
  let burst: Int
  /// At least so many packets are counted.
  static let packets = 10_240

  /// Counts `loop`, which handles `packets` packets per call; `before` and `after` play the kernel.
  func count(
    _ name: String, packets: Int, before: () -> Void = {}, after: () -> Void = {},
    _ loop: () -> Int
  ) {
    let warmup = 4
    let rounds = Self.packets / burst
    for round in 0..<warmup + rounds {
      before()
      if round >= warmup { collector_toggle() }
      let done = loop()
      if round >= warmup { collector_toggle() }
      after()
      precondition(done == packets, "\(name): a burst of \(done) packets, not \(packets)")
    }
    collector_dump("\(name) \(burst) \(rounds * packets)")
  }
}

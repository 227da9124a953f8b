import Collector

/// Runs one loop over many bursts; callgrind counts inside the loop only, and writes what it
/// counted to a file that carries the name, the burst and the packets.
///
/// With the argument `--time` it takes the time instead and prints nanoseconds per packet: the
/// least and the first quartile of many short slices.
struct Measurement {
  /// Packets per burst.
  let burst: Int
  /// At least so many packets are counted.
  static let packets = 10_240
  static let isTimed = CommandLine.arguments.dropFirst().first == "--time"
  static let slices = 200
  /// At least so many packets are timed in a slice.
  static let packetsOfSlice = 1024

  /// Counts `loop`, which handles `packets` packets per call; `before` and `after` play the kernel.
  func count(
    _ name: String, packets: Int, before: () -> Void = {}, after: () -> Void = {},
    _ loop: () -> Int
  ) {
    if Self.isTimed { return time(name, packets: packets, before: before, after: after, loop) }
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

  private func time(
    _ name: String, packets: Int, before: () -> Void, after: () -> Void, _ loop: () -> Int
  ) {
    let clock = ContinuousClock()
    let reading = (0..<1000).map { _ in clock.measure {} }.min() ?? .zero
    let rounds = max(1, Self.packetsOfSlice / packets)
    var slices: [Double] = []
    for _ in 0..<Self.slices {
      var taken = Duration.zero
      for _ in 0..<rounds {
        before()
        taken += clock.measure { precondition(loop() == packets, "\(name): not a whole burst") }
        after()
      }
      slices.append((taken - reading * rounds) / .nanoseconds(1) / Double(rounds * packets))
    }
    slices.sort()
    print(name, burst, slices[0], slices[Self.slices / 4])
  }
}

/// What is timed in short slices, in turn with others.
protocol Contestant: AnyObject {
  /// Operations of a slice.
  var operations: Int { get }
  /// Does a slice's operations.
  func slice()
  /// What must be done between slices and is not timed.
  func prepare()
}

extension Contestant {
  func prepare() {}
}

/// A contestant whose type is known where it is made: its loops are compiled for that type, as
/// those of a program are, and not for any.
struct Turn {
  let operations: Int
  let prepare: () -> Void
  let slice: () -> Void

  @inline(__always)
  init<Subject: Contestant>(_ subject: Subject) {
    operations = subject.operations
    prepare = { subject.prepare() }
    slice = { subject.slice() }
  }
}

/// Nanoseconds per operation over many slices.
struct Timing {
  /// The least disturbed slice.
  var min: Double
  var median: Double

  init(_ samples: [Double]) {
    let sorted = samples.sorted()
    min = sorted.first ?? .infinity
    median = sorted.isEmpty ? .infinity : sorted[sorted.count / 2]
  }
}

/// Times slices of all contestants in turn (ABCABC...), so that whatever disturbs the machine
/// disturbs all alike.
///
/// Each slice follows one of the same contestant that is not timed: the caches are its own. What
/// reading the clock takes is taken off.
func takeTurns(_ contestants: [Turn], slices: Int) -> [Timing] {
  let clock = ContinuousClock()
  var samples = [[Double]](repeating: [], count: contestants.count)
  let reading = (0..<1000).map { _ in clock.measure {}.nanoseconds }.min() ?? 0
  for _ in 0..<slices {
    for (index, contestant) in contestants.enumerated() {
      contestant.prepare()
      contestant.slice()
      contestant.prepare()
      let duration = clock.measure { contestant.slice() }
      samples[index].append((duration.nanoseconds - reading) / Double(contestant.operations))
    }
  }
  return samples.map { Timing($0) }
}

extension Duration {
  /// All of it in nanoseconds.
  var nanoseconds: Double {
    Double(components.seconds) * 1e9 + Double(components.attoseconds) / 1e9
  }
}

/// Keeps the optimiser from leaving out what nobody looks at.
@inline(never)
func use<Value>(_ value: Value) {}

/// A figure with the interval that it lies in with 95 %.
struct Estimate {
  var median: Double
  var low: Double
  var high: Double

  /// The median of samples, and the interval by bootstrap: how far the median moves when samples
  /// are drawn again from those there are.
  init(of samples: [Double]) {
    median = Self.median(samples)
    guard samples.count > 1 else {
      (low, high) = (median, median)
      return
    }
    var random = Random(seed: UInt64(samples.count))
    let draws = 1000
    let medians = (0..<draws).map { _ in
      Self.median(samples.map { _ in samples[random.below(samples.count)] })
    }.sorted()
    (low, high) = (medians[draws * 25 / 1000], medians[draws * 975 / 1000 - 1])
  }

  init(median: Double, low: Double, high: Double) {
    (self.median, self.low, self.high) = (median, low, high)
  }

  /// As a JSON object.
  var json: String {
    "{\"median\":\(decimal(median, 4)),\"low\":\(decimal(low, 4)),\"high\":\(decimal(high, 4))}"
  }

  /// For a table.
  var text: String { "\(decimal(median, 3)) (\(decimal(low, 3)) to \(decimal(high, 3)))" }

  static func median(_ samples: [Double]) -> Double {
    guard !samples.isEmpty else { return .nan }
    let sorted = samples.sorted()
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2)
      ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
  }
}

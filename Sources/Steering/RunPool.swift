/// Which places of a map are taken: runs of them, each where the first gap is long enough.
struct RunPool {
  private let places: Range<Int>
  /// In the order in which they lie.
  private var taken: [Range<Int>] = []

  init(_ places: Range<Int>) { self.places = places }

  /// So many places next to each other; nil if there is no such gap.
  mutating func take(_ count: Int) -> Range<Int>? {
    var start = places.lowerBound
    var index = 0
    while index < taken.count, taken[index].lowerBound - start < count {
      start = taken[index].upperBound
      index += 1
    }
    guard places.upperBound - start >= count else { return nil }
    let run = start..<start + count
    if !run.isEmpty { taken.insert(run, at: index) }
    return run
  }

  /// Gives a run back.
  mutating func free(_ run: Range<Int>) { taken.removeAll { $0 == run } }
}

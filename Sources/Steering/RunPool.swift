/// Which places of a map are taken, in runs.
struct RunPool {
  private let places: Range<Int>
  /// In the order in which they lie.
  private var taken: [Range<Int>] = []
  /// Which of those the search goes on behind: a pool that fills from its beginning is not gone
  /// through again for each run.
  private var next = 0

  init(_ places: Range<Int>) { self.places = places }

  /// So many places next to each other; nil if there is no such gap.
  mutating func take(_ count: Int) -> Range<Int>? {
    if count == 0 { return places.lowerBound..<places.lowerBound }
    guard
      let index = gap(count, among: next...taken.count) ?? gap(count, among: 0...next)
    else { return nil }
    let start = end(before: index)
    taken.insert(start..<start + count, at: index)
    next = index + 1
    return taken[index]
  }

  /// Before which of the runs that are taken there is such a gap.
  private func gap(_ count: Int, among indices: ClosedRange<Int>) -> Int? {
    indices.first { index in
      let limit = index < taken.count ? taken[index].lowerBound : places.upperBound
      return limit - end(before: index) >= count
    }
  }

  private func end(before index: Int) -> Int {
    index == 0 ? places.lowerBound : taken[index - 1].upperBound
  }

  /// Gives a run back.
  mutating func free(_ run: Range<Int>) {
    taken.removeAll { $0 == run }
    next = 0
  }

  /// Gives all runs back but these, which are taken.
  mutating func keep(_ runs: some Sequence<Range<Int>>) {
    taken = runs.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
    next = 0
  }
}

/// A row of bits: a vector over GF(2).
struct BitRow: Hashable, Sendable {
  private(set) var words: [UInt64]

  /// `count` bits, all 0.
  init(count: Int) {
    words = [UInt64](repeating: 0, count: (count + 63) / 64)
  }

  mutating func insert(_ index: Int) { words[index / 64] |= 1 << UInt64(index % 64) }

  func contains(_ index: Int) -> Bool { words[index / 64] >> UInt64(index % 64) & 1 == 1 }

  /// The first 1, nil if there is none.
  var first: Int? {
    for (index, word) in words.enumerated() where word != 0 {
      return 64 * index + word.trailingZeroBitCount
    }
    return nil
  }

  /// The sum over GF(2).
  static func ^= (left: inout BitRow, right: BitRow) {
    for index in left.words.indices { left.words[index] ^= right.words[index] }
  }

  /// Whether the number of places where both have a 1 is odd: the product over GF(2).
  func product(_ other: BitRow) -> Bool {
    var sum: UInt64 = 0
    for index in words.indices { sum ^= words[index] & other.words[index] }
    return sum.nonzeroBitCount & 1 == 1
  }
}

/// Linear equations over GF(2), kept solved.
///
/// Invariant: every equation has a pivot, an unknown that stands in no other equation.
struct LinearSystem {
  private struct Equation {
    var row: BitRow
    var value: Bool
    let pivot: Int
  }

  private let unknownCount: Int
  private var equations: [Equation] = []

  /// No equations yet.
  init(unknownCount: Int) {
    self.unknownCount = unknownCount
  }

  /// Adds that the sum of the unknowns in row i is bit i of `value`.
  ///
  /// False if that contradicts what is there; the system is then not to be used any more.
  mutating func add(_ rows: [BitRow], equalling value: Int) -> Bool {
    for (index, row) in rows.enumerated() {
      guard add(row, equalling: value >> index & 1 == 1) else { return false }
    }
    return true
  }

  private mutating func add(_ row: BitRow, equalling value: Bool) -> Bool {
    var (row, value) = (row, value)
    for known in equations where row.contains(known.pivot) {
      row ^= known.row
      value = value != known.value
    }
    // 0 = 0 says nothing new, 0 = 1 is a contradiction.
    guard let pivot = row.first else { return !value }
    for index in equations.indices where equations[index].row.contains(pivot) {
      equations[index].row ^= row
      equations[index].value = equations[index].value != value
    }
    equations.append(Equation(row: row, value: value, pivot: pivot))
    return true
  }

  /// Values of all unknowns: those of `near`, but for the pivots.
  func solution(near: BitRow) -> BitRow {
    var answer = near
    for equation in equations {
      // The pivot stands in this equation alone, so each is settled by itself.
      guard equation.row.product(near) != equation.value else { continue }
      var flip = BitRow(count: unknownCount)
      flip.insert(equation.pivot)
      answer ^= flip
    }
    return answer
  }
}

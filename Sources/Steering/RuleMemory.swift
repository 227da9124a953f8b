import XSK

/// The maps, and parts of one, that hold the tables of the sets.
///
/// Each set takes as much of them as it needs: there is room for two of the greatest size, or for
/// eight of 1,000 rules with some negations and ranges.
struct RuleMemory: ~Copyable {
  private let sets, shapes, heads, entries, clauses: MappedArray
  private var headPool = RunPool(0..<RuleCapacity.largeSets * RuleCapacity.heads)
  /// Entry 0 is nobody's.
  private var entryPool = RunPool(1..<1 + RuleCapacity.largeSets * RuleCapacity.entries)
  private var clausePool = RunPool(0..<RuleCapacity.largeSets * RuleCapacity.clauses)
  private var runs = [Runs?](repeating: nil, count: RuleCapacity.sets)

  /// Where a set lies.
  private struct Runs {
    let heads, entries, clauses: Range<Int>
  }

  init(of object: RuleObject) throws(XDPError) {
    let sets = try object.map(.sets)
    let shapes = try object.map(.shapes)
    let heads = try object.map(.heads)
    let entries = try object.map("entries")
    let clauses = try object.map("clauses")
    // Nothing fails from here on.
    self.sets = sets
    self.shapes = shapes
    self.heads = heads
    self.entries = entries
    self.clauses = clauses
  }

  /// How many elements each map has.
  static var sizes: [String: Int] {
    [
      RuleCapacity.Table.mapName: 1,
      "entries": 1 + RuleCapacity.largeSets * RuleCapacity.entries,
      "clauses": RuleCapacity.largeSets * RuleCapacity.clauses,
    ]
  }

  /// Writes a set that takes up nothing yet; false if there is no room for it.
  mutating func write(_ tables: borrowing RuleTables, set: Int) -> Bool {
    let all = tables.deciding + tables.counting
    guard let runs = takeRuns(all, tables.entries.count, tables.clauseCount) else { return false }
    self.runs[set] = runs
    let firstEntry = runs.entries.lowerBound
    writeEntries(tables, from: firstEntry, firstClause: runs.clauses.lowerBound)
    var head = runs.heads.lowerBound
    for (index, shape) in all.enumerated() {
      write(shape, set * RuleCapacity.shapes + index, firstHead: head)
      link(shape, tables.entries, firstHead: head, firstEntry: firstEntry)
      head += 1 << shape.bits
    }
    sets.store(tables.mask, set, 0)
    sets.store(UInt32(tables.deciding.count), set, 64)
    sets.store(UInt32(tables.counting.count), set, 68)
    sets.store(UInt32(tables.entries.count), set, 72)
    sets.store(UInt32(firstEntry), set, 76)
    sets.store(tables.mask.reach, set, 80)
    return true
  }

  /// Gives up what a set takes; no packet may be looking at it.
  mutating func free(_ set: Int) {
    guard let runs = runs[set] else { return }
    self.runs[set] = nil
    free(runs)
  }

  private mutating func takeRuns(
    _ shapes: [RuleTables.Shape], _ entryCount: Int, _ clauseCount: Int
  ) -> Runs? {
    let headCount = shapes.reduce(0) { $0 + 1 << $1.bits }
    guard let heads = headPool.take(headCount) else { return nil }
    guard let entries = entryPool.take(entryCount) else {
      headPool.free(heads)
      return nil
    }
    guard let clauses = clausePool.take(clauseCount) else {
      headPool.free(heads)
      entryPool.free(entries)
      return nil
    }
    return Runs(heads: heads, entries: entries, clauses: clauses)
  }

  private mutating func free(_ runs: Runs) {
    headPool.free(runs.heads)
    entryPool.free(runs.entries)
    clausePool.free(runs.clauses)
  }

  private func write(_ shape: RuleTables.Shape, _ index: Int, firstHead: Int) {
    shapes.store(shape.mask, index, 0)
    shapes.store(UInt32(firstHead), index, 64)
    shapes.store(UInt32(64 - shape.bits), index, 68)
    shapes.store(UInt32(shape.best), index, 72)
    shapes.store(shape.mask.reach, index, 76)
  }

  /// Chains the shape's entries, the best first.
  private func link(
    _ shape: RuleTables.Shape, _ all: [RuleTables.Entry], firstHead: Int, firstEntry: Int
  ) {
    for head in firstHead..<firstHead + 1 << shape.bits { heads.store(UInt32(0), head, 0) }
    for rank in shape.members.reversed() {
      let hash = (all[rank].pattern.value & shape.mask).hash
      let head = firstHead + Int(hash >> UInt64(64 - shape.bits))
      entries.store(heads.load32(head, 0), firstEntry + rank, 136)
      heads.store(UInt32(firstEntry + rank), head, 0)
    }
  }

  private func writeEntries(
    _ tables: borrowing RuleTables, from firstEntry: Int, firstClause: Int
  ) {
    var clause = firstClause
    for (rank, entry) in tables.entries.enumerated() {
      let index = firstEntry + rank
      entries.store(entry.pattern.value, index, 0)
      entries.store(entry.pattern.mask, index, 64)
      entries.store(entry.slot, index, 128)
      entries.store(UInt32(rank), index, 132)
      entries.store(UInt32(clause), index, 140)
      entries.store(UInt32(entry.pattern.clauses.count), index, 144)
      entries.store(entry.pattern.mask.reach, index, 148)
      for part in entry.pattern.clauses {
        write(part, clause)
        clause += 1
      }
    }
  }

  private func write(_ clause: KeyClause, _ index: Int) {
    let pair = clause.pair
    // A condition on the second word alone has the pair 0; the first word is compared by itself.
    clauses.store(clause.pattern.value[0], index, 0)
    clauses.store(clause.pattern.mask[0], index, 8)
    clauses.store(pair == 0 ? 0 : clause.pattern.value[2 * pair], index, 16)
    clauses.store(clause.pattern.value[2 * pair + 1], index, 24)
    clauses.store(pair == 0 ? 0 : clause.pattern.mask[2 * pair], index, 32)
    clauses.store(clause.pattern.mask[2 * pair + 1], index, 40)
    let kind = UInt32(clause.kind.rawValue) | (clause.isNegated ? 1 << 8 : 0) | UInt32(pair) << 16
    clauses.store(kind, index, 48)
    clauses.store(
      UInt32(clause.ports.lowerBound) | UInt32(clause.ports.upperBound) << 16, index, 52)
  }
}

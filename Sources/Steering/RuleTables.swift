import XSK

/// A set of rules as the program reads it, made ready to be written.
struct RuleTables {
  /// One rule, or one alternative of it.
  struct Entry {
    let pattern: KeyPattern
    let slot: UInt32
    let counts: Bool
  }

  /// `struct shape`: entries found by one hash.
  struct Shape {
    let mask: KeyWords
    let members: [Int]
    /// The least rank among them.
    var best: Int { members.first ?? .max }
    /// log2 of the number of heads: so many also for few entries that most packets of none find no
    /// chain to go through.
    var bits: Int {
      max(RuleCapacity.leastHeadBits, Int.bitWidth - (2 * members.count - 1).leadingZeroBitCount)
    }
  }

  /// In the order of their ranks.
  let entries: [Entry]
  /// Those with rules that decide, then those with rules that count; the best first.
  let deciding: [Shape]
  let counting: [Shape]
  /// Every bit that some rule asks about.
  private(set) var mask = KeyWords()

  /// `hashesFlows`: whether the flow's hash must be right for every packet, so that the cache has
  /// to tell flows apart.
  init(_ entries: [Entry], hashesFlows: Bool) {
    self.entries = entries
    deciding = Self.shapes(of: entries, counts: false, limit: RuleShapes.limit.deciding)
    counting = Self.shapes(of: entries, counts: true, limit: RuleShapes.limit.counting)
    for entry in entries { mask = mask | entry.pattern.bits }
    if hashesFlows { mask = mask | Self.flowBits }
  }

  var clauseCount: Int { entries.reduce(0) { $0 + $1.pattern.clauses.count } }

  /// What the hash of a flow is taken of: addresses, protocol, ports.
  private static var flowBits: KeyWords {
    var bits = KeyWords()
    bits[0] = KeyField.ipProtocol.mask
    bits[1] = KeyField.sourcePort.mask | KeyField.destinationPort.mask
    for word in 2..<6 { bits[word] = ~0 }
    return bits
  }

  private static func shapes(of entries: [Entry], counts: Bool, limit: Int) -> [Shape] {
    let ranks = entries.indices.filter { entries[$0].counts == counts }
    let masks = RuleShapes.masks(of: ranks.map { entries[$0].pattern }, limit: limit)
    var members: [KeyWords: [Int]] = [:]
    for (rank, mask) in zip(ranks, masks) { members[mask, default: []].append(rank) }
    return members.map { Shape(mask: $0.key, members: $0.value) }.sorted { $0.best < $1.best }
  }
}

/// How much there is room for: the constants of bpf/search.h, or chosen here.
enum RuleCapacity {
  /// Rules of one set.
  static let rules = 4096
  /// Entries of one set.
  static let entries = 8192
  static let clauses = 16_384
  static let shapes = 64
  /// Two for each rule, one in use and one to be; 0 is nobody's (`SLOTS` of the program).
  static let slots = 8200
  /// At most four for each entry, and the least for each shape.
  static let heads = 4 * entries + shapes << leastHeadBits
  static let leastHeadBits = 4
  static let members = 16_384
  /// Of places in the flow cache, that lie in one line: `TAGS` of the program.
  static let tags = 32
  /// Of one entry: `CLAUSES` of the program.
  static let entryClauses = 32
}

/// The maps that hold two sets of rules.
struct RuleMemory: ~Copyable {
  let sets, shapes, heads, entries, clauses: MappedArray

  init(of object: borrowing RuleObject) throws(XDPError) {
    let sets = try object.map("sets")
    let shapes = try object.map("shapes")
    let heads = try object.map("heads")
    let entries = try object.map("entries")
    let clauses = try object.map("clauses")
    // Nothing fails from here on.
    self.sets = sets
    self.shapes = shapes
    self.heads = heads
    self.entries = entries
    self.clauses = clauses
  }

  /// Writes a set, where no packet may be looking.
  func write(_ tables: borrowing RuleTables, set: Int, cacheBits: Int) {
    let firstEntry = 1 + set * RuleCapacity.entries
    writeEntries(tables, from: firstEntry, firstClause: set * RuleCapacity.clauses)
    var head = set * RuleCapacity.heads
    for (index, shape) in (tables.deciding + tables.counting).enumerated() {
      write(shape, set * RuleCapacity.shapes + index, firstHead: head)
      link(shape, tables.entries, firstHead: head, firstEntry: firstEntry)
      head += 1 << shape.bits
    }
    sets.store(tables.mask, set, 0)
    sets.store(UInt32(tables.deciding.count), set, 64)
    sets.store(UInt32(tables.counting.count), set, 68)
    sets.store(UInt32(tables.entries.count), set, 72)
    sets.store(UInt32(firstEntry), set, 76)
    sets.store(UInt32(cacheBits), set, 80)
    sets.store(tables.mask.reach, set, 84)
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

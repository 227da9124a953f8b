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

/// How much there is room for: the constants of bpf/steer.h and bpf/rules.h, or chosen here.
enum RuleCapacity {
  /// Sets that packets may be looking at (`SETS`): those in force, and those before.
  static let sets = 8
  /// Sets of the greatest size for which there is room, wherever those in force lie.
  static let largeSets = 3
  /// Rules of one set: the application's, and one of the engine's that takes the rest.
  static let rules = 4096 + 1
  /// Entries of one set.
  static let entries = 8192
  static let clauses = 16_384
  static let shapes = 64
  /// Two for each rule, one in use and one to be, so that eight sets of 1,000 rules find room; 0 is
  /// nobody's (`SLOTS` of the program).
  static let slots = 8200
  /// At most four for each entry, and the least for each shape.
  static let heads = 4 * entries + shapes << leastHeadBits
  static let leastHeadBits = 4
  static let members = 16_384
  /// Of one entry: `CLAUSES` of the program.
  static let entryClauses = 32
}

extension RuleCapacity {
  /// What lies in the program's own variables: `struct tables` of bpf/rules.h.
  enum Table: CaseIterable {
    case sets, rules, members, shapes, heads

    /// What libbpf calls the map of those variables.
    static let mapName = ".bss"

    var stride: Int {
      switch self {
      case .sets: 128
      case .rules: 64
      case .shapes: 80
      case .members, .heads: 4
      }
    }

    var count: Int {
      switch self {
      case .sets: RuleCapacity.sets
      case .rules: RuleCapacity.slots
      case .members: RuleCapacity.members
      case .shapes: RuleCapacity.sets * RuleCapacity.shapes
      case .heads: RuleCapacity.largeSets * RuleCapacity.heads
      }
    }

    /// One after the other.
    var offset: Int {
      Self.allCases.prefix { $0 != self }.reduce(0) { $0 + $1.stride * $1.count }
    }

    static var byteCount: Int { allCases.reduce(0) { $0 + $1.stride * $1.count } }
  }
}

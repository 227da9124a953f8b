import XSK

/// The rules as the application sees them.
struct RuleBook {
  /// A rule and what belongs to it.
  struct Stored {
    let id: RuleID
    var rule: Rule
    var pattern: KeyPattern
    /// The place of its action and its counters in the program; 0: it has none yet.
    var slot: UInt32 = 0
    /// Places that it had before and whose counters still count.
    var earlier: [UInt32] = []
    /// What was counted in places that it has no more.
    var carried = RuleCounters()
  }

  /// In the order in which they were added.
  private(set) var rules: [Stored] = []
  private var places: [RuleID: Int] = [:]

  subscript(id: RuleID) -> Stored? { places[id].map { rules[$0] } }

  /// In the order in which the program asks them.
  var ranked: [Int] {
    // Sorting is not stable by promise: the place decides among equals.
    rules.indices.sorted {
      (rules[$1].rule.priority, $0) < (rules[$0].rule.priority, $1)
    }
  }

  /// Takes the steps of a change, and answers with the numbers of the added rules.
  ///
  /// A rule that a change removes and adds again is the same rule: it keeps its number and what it
  /// counted, and stands where it was added.
  mutating func apply(
    _ change: RuleChange, next: inout UInt32, interfaces: inout InterfaceNumbers
  ) throws(XDPError) -> [RuleID] {
    var added: [RuleID] = []
    var removed: Set<Int> = []
    // What was removed and may come again, the first one first.
    var leaving: [Rule: [Stored]] = [:]
    for step in change.steps {
      switch step {
      case .add(let rule):
        let pattern = try interfaces.pattern(of: rule)
        if var known = leaving[rule]?.first {
          leaving[rule]?.removeFirst()
          known.pattern = pattern
          rules.append(known)
        } else {
          rules.append(Stored(id: RuleID(rawValue: next), rule: rule, pattern: pattern))
          next += 1
        }
        let place = rules.count - 1
        places[rules[place].id] = place
        added.append(rules[place].id)
        renew(place)
      case .remove(let id):
        guard let place = places.removeValue(forKey: id) else { throw Self.unknown(id) }
        removed.insert(place)
        leaving[rules[place].rule, default: []].append(rules[place])
      case .replace(let id, let rule):
        guard let place = places[id] else { throw Self.unknown(id) }
        rules[place].rule = rule
        rules[place].pattern = try interfaces.pattern(of: rule)
        renew(place)
      case .removeAll:
        for (place, stored) in rules.enumerated() where !removed.contains(place) {
          leaving[stored.rule, default: []].append(stored)
        }
        removed = Set(rules.indices)
        places.removeAll()
      }
    }
    if !removed.isEmpty {
      rules = rules.indices.filter { !removed.contains($0) }.map { rules[$0] }
      for (place, stored) in rules.enumerated() { places[stored.id] = place }
    }
    return added
  }

  /// Gives the rule a new place in the program, since what is in force must not change.
  mutating func renew(_ place: Int) {
    if rules[place].slot != 0 { rules[place].earlier.append(rules[place].slot) }
    rules[place].slot = 0
  }

  /// Gives all rules new places, in a program that has counted nothing.
  mutating func renewAll() {
    for place in rules.indices { (rules[place].slot, rules[place].earlier) = (0, []) }
  }

  mutating func setSlot(_ slot: UInt32, of place: Int) { rules[place].slot = slot }

  /// Takes over what was counted in earlier places, which are given up, but for those that packets
  /// may still be counted in.
  mutating func fold(_ isInUse: [Bool], _ counters: (UInt32) -> RuleCounters) {
    for place in rules.indices where !rules[place].earlier.isEmpty {
      for slot in rules[place].earlier where !isInUse[Int(slot)] {
        rules[place].carried.add(counters(slot))
      }
      rules[place].earlier.removeAll { !isInUse[Int($0)] }
    }
  }

  /// Every place that its rules have or had and still count in.
  var slots: [UInt32] { rules.flatMap { $0.earlier + [$0.slot] } }

  /// Goes on counting where the same rules of another book did, which was in force for a while.
  mutating func goOn(from other: RuleBook) {
    for place in rules.indices {
      guard let tried = other[rules[place].id], tried.slot != 0, tried.slot != rules[place].slot
      else { continue }
      rules[place].earlier.append(tried.slot)
    }
  }

  private static func unknown(_ id: RuleID) -> XDPError {
    XDPError(
      .configuration, operation: "change the rules", reason: "there is no rule \(id)",
      remedy: "name one of those in `rules`; nothing was changed")
  }
}

/// The numbers of the interfaces that rules name, each looked up once for a change.
struct InterfaceNumbers {
  private var known: [String: UInt32] = [:]

  mutating func number(of name: InterfaceName) throws(XDPError) -> UInt32 {
    if let index = name.index { return index }
    if let index = known[name.name] { return index }
    let index = try Interface(named: name.name).index
    known[name.name] = index
    return index
  }

  /// The rule's match as the program compares it.
  mutating func pattern(of rule: Rule) throws(XDPError) -> KeyPattern {
    for prefix in [rule.match.source, rule.match.destination] {
      guard let prefix, !prefix.value.isSound else { continue }
      throw XDPError(
        .configuration, operation: "change the rules",
        reason: "\(prefix.value) is no prefix", remedy: "give a length that the address has")
    }
    guard let interface = rule.match.interface else {
      return KeyPattern(rule.match, interface: nil)
    }
    return KeyPattern(rule.match, interface: try number(of: interface.value))
  }
}

/// A rule's packets since it was added.
public struct RuleCounters: Sendable, Hashable {
  /// How many.
  public var packets: UInt64 = 0
  /// Their bytes, from the Ethernet header on.
  public var bytes: UInt64 = 0
  /// How long ago the last one was seen, to some milliseconds; nil if none was.
  public var lastSeen: Duration?
  /// When that was, in ticks.
  var lastTick: UInt64 = 0

  /// None yet.
  public init() {}

  mutating func add(_ other: RuleCounters) {
    packets += other.packets
    bytes += other.bytes
    lastTick = max(lastTick, other.lastTick)
  }
}

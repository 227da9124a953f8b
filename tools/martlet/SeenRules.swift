import Martlet

/// What the application itself saw of the rules: by the facts of the packets that it received.
struct SeenRules {
  /// The rule of the command's own, which takes what the user's rules do not name.
  var restRule: RuleID?
  private(set) var packets: [RuleID: UInt64] = [:]
  /// Packets without facts.
  private(set) var unknown: UInt64 = 0

  /// Counts one packet.
  mutating func count(_ facts: PacketFacts?) {
    guard let facts, let rule = facts.rule else { return unknown += 1 }
    packets[rule, default: 0] += 1
  }

  /// These and those of another worker.
  func adding(_ other: SeenRules) -> SeenRules {
    var sum = self
    sum.packets.merge(other.packets) { $0 &+ $1 }
    sum.unknown &+= other.unknown
    return sum
  }

  /// By rule, in the order in which they were added; nil for what no rule of the user's named.
  var counts: [(rule: RuleID?, packets: UInt64)] {
    let named = packets.filter { $0.key != restRule }.sorted { $0.key < $1.key }
    let rest = restRule.flatMap { packets[$0] }.map { [(rule: nil as RuleID?, packets: $0)] } ?? []
    return named.map { (rule: $0.key, packets: $0.value) } + rest
  }

  /// Such as "rule 2: 17, no rule: 4".
  var text: String {
    var parts = counts.map { rule, packets in
      "\(rule.map { "rule \($0)" } ?? "no rule"): \(packets)"
    }
    if unknown > 0 { parts.append("unknown: \(unknown)") }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }

  /// The same as an array, `rule` null for what none named; packets without facts by themselves.
  var json: JSON {
    .object([
      (
        "rules",
        .array(
          counts.map { rule, packets in
            .object([
              ("id", rule.map { .integer(Int($0.rawValue)) } ?? .null),
              ("packets", .counter(packets)),
            ])
          })
      ),
      ("unknown", .counter(unknown)),
    ])
  }
}

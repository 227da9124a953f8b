import XSK

/// Rules in order, made ready for the program.
///
/// A rule that no packet escapes ends the list: it becomes the default action. If it stands first,
/// the program has no rules left to compare and does not even read the packet.
struct RuleSet {
  /// The most rules that one set holds: `RULES_PER_SET` of bpf/steer.h.
  static let capacity = 64

  /// What the program compares, at most `capacity`.
  private(set) var entries: [RuleEntry] = []
  /// For packets that no entry names.
  private(set) var defaultAction = Action.kernel
  /// Whether a rule that names all has ended the list.
  private(set) var isClosed = false

  init(_ rules: [Rule] = []) throws(XDPError) {
    for rule in rules { try append(rule) }
  }

  /// Adds a rule behind the others.
  ///
  /// Throws `.configuration` if a rule before it leaves nothing over, or if there is no more room.
  mutating func append(_ rule: Rule) throws(XDPError) {
    guard !isClosed else {
      throw XDPError(
        .configuration, operation: "steer", reason: "a rule for everything stands before this one",
        remedy: "give the rule for everything last")
    }
    if rule.namesAll {
      defaultAction = rule.action
      isClosed = true
      return
    }
    guard entries.count < Self.capacity else {
      throw XDPError(
        .configuration, operation: "steer", reason: "there are more than \(Self.capacity) rules",
        remedy: "join some of them, or end the list with a rule for everything")
    }
    entries.append(RuleEntry(rule))
  }

  /// The word `settings.rules` of bpf/steer.h for this set, written to one of the two places.
  func word(place: UInt32) -> UInt32 {
    UInt32(entries.count) | place << 8 | defaultAction.rawValue << 16
  }
}

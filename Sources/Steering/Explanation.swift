/// Which rule decides about a packet, and why the others do not.
public struct Explanation: Sendable {
  /// The rule that decides; nil if none names the packet.
  public var winner: RuleID?
  /// What becomes of the packet by that rule; without one it goes to the kernel.
  public var action: Action
  /// What became of each rule, in the order in which the program asks them.
  public var rules: [Verdict]

  package init(winner: RuleID?, action: Action, rules: [Verdict]) {
    (self.winner, self.action, self.rules) = (winner, action, rules)
  }

  /// What became of one rule.
  public struct Verdict: Sendable, Hashable {
    /// The rule.
    public var rule: RuleID
    /// Why it does or does not decide.
    public var outcome: Outcome
  }

  /// Why a rule does or does not decide.
  public enum Outcome: Sendable, Hashable {
    /// It names the packet and no rule before it does.
    case decides
    /// It names the packet, counts it and leaves it to those behind.
    case counts
    /// It names the packet, but a rule before it decides.
    case outranked
    /// These fields are not as the rule wants them.
    case differs([RuleField])
    /// Its conditions contradict each other: it names no packet at all.
    case impossible
  }
}

extension Explanation: CustomStringConvertible {
  /// The winner in one line, then a line for each rule.
  public var description: String {
    let head = winner.map { "rule \($0): \(action)" } ?? "no rule: kernel"
    return ([head] + rules.map { "  \($0.rule): \($0.outcome)" }).joined(separator: "\n")
  }
}

extension Explanation.Outcome: CustomStringConvertible {
  /// Such as "differs in dst port, vlan".
  public var description: String {
    switch self {
    case .decides: "decides"
    case .counts: "counts"
    case .outranked: "names it too, but comes later"
    case .differs(let fields):
      "differs in " + fields.map(\.description).joined(separator: ", ")
    case .impossible: "names no packet"
    }
  }
}

extension RuleField {
  /// The fields of a rule that differ, given the bits of the key that do and the rule's match.
  static func differing(_ bits: KeyWords, _ match: Match) -> [RuleField] {
    var fields: Set<RuleField> = []
    func note(_ field: RuleField, _ isAsked: Bool, _ places: [KeyField.Place], _ known: UInt64 = 0)
    {
      let differs = places.contains { bits[$0.word] & $0.mask != 0 } || bits[0] & known != 0
      if isAsked && differs { fields.insert(field) }
    }
    note(.interface, match.interface != nil, [KeyField.interface])
    note(.queue, match.queue != nil, [KeyField.queue])
    note(.vlan, match.vlan != nil, [KeyField.vlan], KeyField.vlanKnown)
    note(.innerVLAN, match.innerVLAN != nil, [KeyField.innerVLAN], KeyField.innerVLANKnown)
    note(.sourceMAC, match.sourceMAC != nil, [KeyField.sourceMAC], KeyField.macsKnown)
    note(
      .destinationMAC, match.destinationMAC != nil, [KeyField.destinationMAC], KeyField.macsKnown)
    note(.etherType, match.type != nil, [KeyField.etherType], KeyField.etherTypeKnown)
    note(.version, match.version != nil, [KeyField.family])
    note(.source, match.source != nil, [KeyField.family] + words(KeyField.source))
    note(.destination, match.destination != nil, [KeyField.family] + words(KeyField.destination))
    note(.ipProtocol, match.upperProtocol != nil, [KeyField.ipProtocol], KeyField.protocolKnown)
    note(.sourcePort, match.sourcePorts != nil, [KeyField.sourcePort], KeyField.portsKnown)
    note(
      .destinationPort, match.destinationPorts != nil, [KeyField.destinationPort],
      KeyField.portsKnown)
    note(.tcpFlags, match.tcpFlags != nil, [KeyField.tcpFlags], KeyField.tcpFlagsKnown)
    note(.fragment, match.fragment != nil, [], KeyField.isFragment)
    return allCases.filter(fields.contains)
  }

  private static func words(_ first: Int) -> [KeyField.Place] {
    [first, first + 1].map { KeyField.Place(word: $0, shift: 0, width: 64) }
  }
}

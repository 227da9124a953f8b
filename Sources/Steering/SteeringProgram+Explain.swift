import CXDP
import Glibc
import SystemPackage
public import XSK

extension SteeringProgram {
  /// Which rule decides about a packet that arrives on a queue of an interface, and why the others
  /// do not.
  ///
  /// The kernel answers: the functions that decide about real packets are run on this one, over the
  /// rules in force, in a program of their own that counts nothing and sends nothing
  /// (`BPF_PROG_TEST_RUN`). Loading it takes some 10 ms each time. Throws `.configuration` below 14
  /// and beyond 65,535 bytes; before Linux 5.18 the kernel tries some 3,500.
  public func explain(
    _ packet: [UInt8], interface: Interface, queue: Int = 0
  ) throws(XDPError) -> Explanation {
    try Self.checkLength(packet, "explain a packet")
    let (book, word) = inForce
    guard word.asksRules else { return explainWithoutLooking(book) }
    let owners = owners(ofSet: word.set)
    let (winner, findings) = try examine(packet, interface, queue, count: owners.count)
    var explanation = Explanation(winner: nil, action: .kernel, rules: [])
    for (finding, owner) in zip(findings, owners) {
      guard let stored = book[owner] else { continue }
      var fields = RuleField.differing(finding.bits, stored.rule.match)
      if finding.clause < stored.pattern.clauses.count {
        let field = stored.pattern.clauses[finding.clause].field
        if !fields.contains(field) { fields.append(field) }
      }
      let outcome: Explanation.Outcome
      if !fields.isEmpty {
        outcome = .differs(fields)
      } else if winner != 0, stored.slot == winner {
        outcome = .decides
        explanation.winner = owner
        explanation.action = stored.rule.action
      } else if explanation.winner == nil, stored.rule.action == .count {
        outcome = .counts
      } else {
        outcome = .outranked
      }
      explanation.rules.append(.init(rule: owner, outcome: outcome))
    }
    for stored in book.rules where stored.pattern.isImpossible {
      explanation.rules.append(.init(rule: stored.id, outcome: .impossible))
    }
    return explanation
  }

  /// The only rule names every packet, or there is none.
  private func explainWithoutLooking(_ book: RuleBook) -> Explanation {
    let only = book.rules.first
    return Explanation(
      winner: only?.id, action: only?.rule.action ?? .kernel,
      rules: only.map { [.init(rule: $0.id, outcome: .decides)] } ?? [])
  }

  /// Whose the entries of a set are, by rank.
  private func owners(ofSet set: Int) -> [RuleID] { engine?.owners(ofSet: set) ?? [] }

  /// What the kernel found about each entry, and the slot of the rule that decides.
  private func examine(
    _ packet: [UInt8], _ interface: Interface, _ queue: Int, count: Int
  ) throws(XDPError) -> (winner: UInt32, [(bits: KeyWords, clause: Int)]) {
    let object = try RuleObject(
      .explaining, over: self.object, sizes: ["findings": 1 + count], layout: layout,
      sharing: engine?.maps() ?? [:],
      acceptsFragments: acceptsFragments)
    try object.load()
    let findings = try object.map("findings")
    // The packet lives for the call, and its size is given.
    let result = unsafe packet.withUnsafeBytes { bytes in
      unsafe cxdp_try_packet(
        object.program, bytes.baseAddress, UInt32(bytes.count), 0, interface.index, UInt32(queue))
    }
    guard result >= 0 else {
      throw failure(
        .system, "\(Errno(rawValue: -result))", "check the queue, the length and the capabilities")
    }
    let entries = (0..<count).map { rank in
      (bits: findings.loadWords(1 + rank, 0), clause: Int(findings.load32(1 + rank, 64)))
    }
    return (findings.load32(0, 68), entries)
  }

  private func failure(_ kind: XDPError.Kind, _ reason: String, _ remedy: String) -> XDPError {
    XDPError(kind, operation: "explain a packet", reason: reason, remedy: remedy)
  }
}

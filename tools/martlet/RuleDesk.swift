import Martlet

/// Does what is asked about the rules of an engine.
struct RuleDesk {
  /// What takes the packets that no rule names: the command's own, which is not to be seen.
  let restRule: RuleID?

  /// Answers a request that came for the ports of one interface.
  func answer(_ text: String, at ports: [Port], of engine: inout Engine) -> RuleAnswer {
    guard let request = RuleRequest(text) else {
      return .failure("change the rules: the request is not understood; use the same martlet")
    }
    do throws(XDPError) {
      return .success(try answer(request, at: ports, of: &engine))
    } catch {
      return .failure("\(error)")
    }
  }

  private func answer(
    _ request: RuleRequest, at ports: [Port], of engine: inout Engine
  ) throws(XDPError) -> String {
    switch request {
    case .list:
      return rules(of: engine).map { id, rule in
        ListedRule(id, rule, engine.counters(of: id)).line
      }.joined(separator: "\n")
    case .add(let text, let limit):
      return try apply(try change(text, limit), to: &engine)
    case .replace(let text, let limit):
      var change = try change(text, limit)
      change.steps = rules(of: engine).map { .remove($0.id) } + change.steps
      return try apply(change, to: &engine)
    case .remove(let rule, let limit):
      guard rule != restRule else { throw unknown(rule) }
      return try apply(RuleChange([.remove(rule)], confirmWithin: limit), to: &engine)
    case .confirm:
      try engine.confirmRules()
      return ""
    case .rollBack:
      try engine.rollBackRules()
      return ""
    case .explain(let packet, let queue):
      return try explain(packet, queue, at: ports, of: engine)
    }
  }

  private func rules(of engine: borrowing Engine) -> [(id: RuleID, rule: Rule)] {
    engine.rules.filter { $0.id != restRule }
  }

  private func apply(_ change: RuleChange, to engine: inout Engine) throws(XDPError) -> String {
    let added = change.added.count
    let count = rules(of: engine).count + added - (change.steps.count - added)
    guard count <= RuleFile.mostRules else {
      throw XDPError(
        .configuration, operation: "change the rules",
        reason: "there would be \(count) rules, more than \(RuleFile.mostRules)",
        remedy: "join some of them by prefixes or ranges of ports; nothing was changed")
    }
    return try engine.apply(change).map { "\($0)" }.joined(separator: "\n")
  }

  private func change(_ text: String, _ limit: Duration?) throws(XDPError) -> RuleChange {
    do throws(RuleTextError) {
      var change = try RuleText.parseChange(text)
      change.confirmWithin = limit ?? change.confirmWithin
      return change
    } catch {
      throw XDPError(
        .configuration, operation: "change the rules", reason: "\(error)",
        remedy: "use the same martlet")
    }
  }

  private func explain(
    _ packet: [UInt8], _ queue: Int?, at ports: [Port], of engine: borrowing Engine
  ) throws(XDPError) -> String {
    let queues = engine.sharedPorts.filter { queue == nil || $0.queue.queue == queue }
    let port = ports.first { port in queues.contains { $0.port == port } }
    guard let port else {
      throw XDPError(
        .noSuchQueue, operation: "explain a packet", reason: "no port is on this queue",
        remedy: "leave out --queue")
    }
    var explanation = try engine.explain(packet, at: port)
    explanation.rules.removeAll { $0.rule == restRule }
    guard let restRule, explanation.winner == restRule else { return "\(explanation)" }
    let lines = explanation.rules.map { "\n  \($0.rule): \($0.outcome)" }.joined()
    return "no rule: \(explanation.action)\(lines)"
  }

  private func unknown(_ rule: RuleID) -> XDPError {
    XDPError(
      .configuration, operation: "change the rules", reason: "there is no rule \(rule)",
      remedy: "name one that is listed; nothing was changed")
  }
}

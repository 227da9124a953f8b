import Martlet

/// What the demo measured, and whether all of it is as it must be.
struct Outcome {
  struct Group {
    var name = ""
    var placement = ""
    var queue = 0
    var packets: UInt64 = 0
    var outside = 0
    var pages = 0
    var ownBytes = 0
    var otherBytes = 0
    var unaccounted: Int64 = 0
    var consumer = Progress()
    /// Whether the consumer counted what the engine counted of its verdicts.
    var isAgreed = false

    /// System calls of the consumer for 64 packets, in hundredths.
    var calls: UInt64 = .max

    var isRight: Bool {
      placement == "steered-exact" && packets > 0 && outside == 0 && pages > 0 && otherBytes == 0
        && unaccounted == 0 && isAgreed && consumer.user == Privileges.nobody
        && consumer.verified > 0
        && consumer.corrupt == 0 && isWritingRefused && isForeignUnreachable && calls <= 100
    }

    var isWritingRefused: Bool { consumer.writeAttempts > 0 && consumer.writable == 0 }
    var isForeignUnreachable: Bool { consumer.foreignAttempts > 0 && consumer.foreign == 0 }
  }

  var groups: [Group] = []
  var findings = Findings()
  /// Packets of all groups that there must be.
  var leastPackets: UInt64 = 0

  var isRight: Bool {
    groups.allSatisfy(\.isRight) && groups.reduce(0) { $0 + $1.packets } >= leastPackets
      && findings.changes > 0 && findings.isNetProven && findings.seenByNeither == 0
      && findings.isKilled && findings.killedOthersLost == 0
      && findings.isHung && findings.hungOthersLost == 0
  }

  /// One object, on lines.
  var json: String {
    let groups = groups.map { "  " + $0.json }.joined(separator: ",\n")
    let change =
      "{\"packets_seen_by_neither\":\(findings.seenByNeither),\"changes\":\(findings.changes),"
      + "\"steps\":\(findings.changedRules)}"
    return """
      {"groups":[
      \(groups)],
      "rule_change":\(change),
      "killed":{"others_lost":\(findings.killedOthersLost)},
      "hung":{"others_lost":\(findings.hungOthersLost)},
      "ok":\(isRight)}

      """
  }
}

extension Outcome.Group {
  fileprivate var json: String {
    let consumer =
      "{\"uid\":\(consumer.user),\"verified\":\(consumer.verified),"
      + "\"corrupt\":\(consumer.corrupt),"
      + "\"writable_mapping\":\"\(isWritingRefused ? "refused" : "possible")\","
      + "\"foreign_pages\":\"\(isForeignUnreachable ? "unreachable" : "reachable")\","
      + "\"system_calls_per_64_packets\":\(Self.decimal(calls))}"
    return "{\"name\":\"\(name)\",\"placement\":\"\(placement)\",\"queue\":\(queue),"
      + "\"packets\":\(packets),\"outside\":\(outside),\"pages\":\(pages),"
      + "\"purity\":\(purity),\"unaccounted\":\(unaccounted),\n   \"consumer\":\(consumer)}"
  }

  /// Of all bytes that were written to, the part that the group's packets were written to; 1 only
  /// if nothing else was.
  fileprivate var purity: String {
    let all = ownBytes + otherBytes
    guard all > 0, otherBytes > 0 else { return all > 0 ? "1" : "0" }
    let millionths = "\(ownBytes * 1_000_000 / all)"
    return "0." + String(repeating: "0", count: 6 - millionths.count) + millionths
  }

  /// Hundredths as a number with two decimals.
  private static func decimal(_ hundredths: UInt64) -> String {
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}

extension Demo {
  /// What `run` measured.
  func outcome() -> Outcome {
    var outcome = Outcome()
    outcome.findings = findings
    outcome.leastPackets = pace.packets
    for (number, party) in parties.enumerated() {
      let scan = findings.scans[number]
      var group = Outcome.Group()
      group.name = party.plan.name
      group.placement = Self.name(of: findings.placements[number])
      group.queue = engine.report(of: party.port).queue
      group.packets = findings.packets[number]
      group.pages = scan.pages
      (group.ownBytes, group.otherBytes) = (scan.ownBytes, scan.otherBytes)
      group.unaccounted = findings.unaccounted[number]
      group.consumer = party.allProgress
      group.outside = scan.strangers + Int(group.consumer.outside)
      let told = group.consumer
      if told.verified > 0 { group.calls = (told.calls * 6400 - 1) / told.verified + 1 }
      // A consumer forwards what is as it was sent and drops all else: its verdicts say what one
      // that was killed could not tell.
      group.isAgreed = told.verified == party.forwarded || party.wasKilled
      group.consumer.verified = party.forwarded
      group.consumer.corrupt = party.delivered - party.forwarded - told.outside
      outcome.groups.append(group)
    }
    return outcome
  }

  private static func name(of placement: Placement) -> String {
    switch placement {
    case .steered(let grade, _): "steered-\(grade)"
    case .isolated: "isolated"
    case .shared: "shared"
    }
  }

  /// The page map.
  func picture() -> String {
    PageMap(
      panels: parties.enumerated().map { number, party in
        PageMap.Panel(
          title: "\(party.plan.name): queue \(engine.report(of: party.port).queue)",
          flows: party.plan.flows.map { "\($0.key)" }, chunks: findings.scans[number].chunks)
      }
    ).svg
  }
}

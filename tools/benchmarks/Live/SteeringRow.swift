import Martlet
import MartletTestKit

extension LiveRows {
  /// What rules cost a packet: each is dropped by a rule, beside a program that drops and does
  /// nothing else, by the processor time of all.
  static func steering(_ options: Options) throws -> any Findings {
    try Contest.run("steering", options) { contest in
      let lanes = contest.stage.lanes
      let rivals = contest.rivals
      let equals = try contest.with(try rivals.kernel(.sink, lanes[0])) { bare in
        try contest.with(try rivals.kernel(.sink, lanes[1])) { try contest.equals(bare, $0) }
      }
      try contest.with(try rivals.kernel(.sink, lanes[1])) { bare in
        var known: [LiveReport.Line] = []
        for load in options.isQuick ? RuleLoad.quick : RuleLoad.all {
          try contest.with(try load.rival(contest, lanes[0])) { martlet in
            // The same packets: writing a flow into each costs the generator, too.
            bare.plan.flows = load.flows
            let line = try contest.compare(
              martlet, bare, mode: load.name, .total, target: nil, equals)
            contest.note(load, line)
            if load.flows == 1 { known.append(line) }
          }
        }
        contest.noteGrowth(known)
      }
      let stage = contest.stage
      for apart in [Duration.milliseconds(50), .zero] {
        let times = try stage.deviceSide.run {
          try RuleChanges.times(on: lanes[0].input, apart: apart)
        }
        contest.noteChanges(times, inARow: apart == .zero)
      }
    }
  }
}

extension Contest {
  /// Says how many nanoseconds the rules took, beside what they may take.
  fileprivate mutating func note(_ load: RuleLoad, _ line: LiveReport.Line) {
    guard let place = report.lines.indices.last else { return }
    report.lines[place].more = [
      ("difference_ns", decimal(line.difference, 1)),
      ("difference_target", load.target.map { decimal($0, 0) } ?? "null"),
    ]
    report.lines[place].isOver = load.target.map { line.difference > $0 } ?? false
    let target = load.target.map { ", target <= \(decimal($0, 0)) ns" } ?? ""
    report.notes.append(
      line.isNoisy
        ? "\(load.name): too noisy" : "\(load.name): \(decimal(line.difference, 1)) ns\(target)")
  }
}

extension Contest {
  /// How many times as much a packet may cost with most rules as with fewest.
  private static let growthTarget = 1.3

  /// Says what a packet of a known flow costs with most rules, as a multiple of that with fewest.
  fileprivate mutating func noteGrowth(_ known: [LiveReport.Line]) {
    guard let first = known.first, let last = known.last, !first.isNoisy, !last.isNoisy else {
      return
    }
    let growth = last.martlet.total / first.martlet.total
    if growth > Self.growthTarget,
      let place = report.lines.firstIndex(where: { $0.mode == last.mode })
    {
      report.lines[place].isOver = true
    }
    report.notes.append(
      "\(last.mode): \(decimal(growth, 2)) times \(first.mode), "
        + "target <= \(decimal(Self.growthTarget, 2))")
  }
}

extension Contest {
  /// Says how long changes of many rules took.
  fileprivate mutating func noteChanges(_ times: [Duration], inARow: Bool) {
    guard let place = report.lines.indices.last else { return }
    let milliseconds = times.map { $0 / .milliseconds(1) }
    let (middle, longest) = (Estimate.median(milliseconds), milliseconds.max() ?? 0)
    let target = RuleChanges.target / .milliseconds(1)
    let key = inARow ? "rule_changes_in_a_row" : "rule_change"
    let way = inARow ? ", one after the other" : ""
    report.lines[place].more += [
      ("\(key)_ms", "{\"median\":\(decimal(middle, 2)),\"longest\":\(decimal(longest, 2))}"),
      ("\(key)_target", decimal(target, 0)),
    ]
    if !(longest <= target) {
      report.otherMisses.append("steering, a change of rules\(way)")
    }
    report.notes.append(
      "\(RuleChanges.count) rules for as many others\(way): \(decimal(middle, 1)) ms, "
        + "\(decimal(longest, 1)) at most, target <= \(decimal(target, 0)) ms")
  }
}

/// Rules, and packets that they name.
private struct RuleLoad {
  var name: String
  var rules: [String]
  /// Flows that the packets belong to, a power of two.
  var flows: Int
  /// Nanoseconds that a packet may take more than one that is dropped by a bare program.
  var target: Double?

  /// Far more flows than the program's cache holds, by turns: each packet is searched for, and is
  /// the first of its flow that the cache remembers, so that it mostly leaves a tag and no more.
  ///
  /// They differ in the source's port and address, so rules have to ask for both: to rules that do
  /// not, many of them are one flow.
  private static let endless = 1 << 22

  /// A rule behind those that name the packets, which asks for the source's address.
  private static let asksAddress = "udp and src host 203.0.113.1 -> drop"

  /// So many rules, of which the last names the packets.
  private static func many(_ count: Int) -> [String] {
    (0..<count).map { "udp dst port \(1002 + count - 1 - $0) and src port 0-65534 -> drop" }
      + ["udp -> drop"]
  }

  /// Rules with four different masks, of which the last names the packets, and one behind them.
  private static let shapes =
    (0..<4).map { number in
      "udp and dst net \(number == 3 ? "192.0.0.0/16" : "193.0.0.0/\(24 - number)") "
        + "and src port 0-65534 -> drop"
    } + [asksAddress]

  static let quick = [
    RuleLoad(name: "known flow, 1 rule", rules: many(1), flows: 1, target: 25),
    RuleLoad(name: "known flow, 4096 rules", rules: many(4094), flows: 1, target: 25),
    RuleLoad(
      name: "new flows, 1 rule", rules: ["udp and src port 0-65534 -> drop", asksAddress],
      flows: endless, target: 110),
  ]

  static let all =
    quick + [
      RuleLoad(name: "4096 known flows, 4096 rules", rules: many(4094), flows: 4096, target: 25),
      RuleLoad(name: "new flows, 4 shapes", rules: shapes, flows: endless, target: 250),
    ]

  func rival(_ contest: Contest, _ lane: Stage.Lane) throws -> Rival {
    let file = "/tmp/martlet-bench-\(Machine.ownProcess).rules"
    try write(rules.joined(separator: "\n") + "\n", to: file)
    defer { _ = try? runProgram(["rm", "-f", file]) }
    let program = [
      try builtProgram("martlet"), "forward", lane.input, lane.output, "--wait", "--rules", file,
    ]
    let process = try contest.stage.startRival(program)
    guard try process.waitForOutput("attached by", timeout: .seconds(20)) else {
      throw TestKitError(
        "\(name): " + String(decoding: process.standardError, as: UTF8.self))
    }
    var plan = contest.rivals.plan(lane)
    plan.flows = flows
    let stage = contest.stage
    let counters = try stage.deviceSide.run { try InterfaceCounters(lane.input) }
    return try Rival("martlet-rules", on: lane, plan: plan, process: process) {
      try stage.deviceSide.run { counters.driver()["rx_queue_0_xdp_drops"] ?? 0 }
    }
  }
}

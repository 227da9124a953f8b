import ArgumentParser
import Glibc
import Martlet

/// `martlet rules IFACE ...`: looks at the rules of a running command and changes them.
struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Looks at the rules of a running command, and changes them.",
    discussion: """
      list           each rule with its number and counters
      add RULE       adds a rule and prints its number; "-" reads rules from standard input
      remove ID      removes a rule
      replace FILE   puts the rules of a file in the place of all, at once
      confirm        makes a change with --confirm-within final
      rollback       undoes a change with --confirm-within, if one waits
      explain HEX    which rule decides about a packet, and why the others do not
      watch          every second the rules whose counters changed

      The command runs in this network namespace and was started by this user, or this one is \
      root. What no rule names goes where it would without rules.

      Example: martlet rules eth1 add 'udp dst port 4789 -> drop'
      """)

  /// What to do.
  enum Action: String, CaseIterable, ExpressibleByArgument {
    case list, add, remove, replace, confirm, rollback, explain, watch

    /// What it needs, if that is anything.
    var operand: String? {
      switch self {
      case .list, .confirm, .rollback, .watch: nil
      case .add: "a rule"
      case .remove: "a rule's number"
      case .replace: "a file"
      case .explain: "a packet in hexadecimal digits"
      }
    }
  }

  @Argument(help: "The interface.") var interface: String
  @Argument(help: "What to do.") var action: Action
  @Argument(help: "What to do it with.") var operand: String?
  @Option(
    help: ArgumentHelp("Undo the change unless it is confirmed in time.", valueName: "SECONDS"))
  var confirmWithin: Double?
  @Option(help: ArgumentHelp("The queue that the packet to explain is on.", valueName: "N"))
  var queue: Int?
  @Option(help: ArgumentHelp("Watch for so many seconds.", valueName: "N"))
  var count: Int?
  @Flag(help: "Print the list as JSON.")
  var json = false

  func validate() throws {
    if let wanted = action.operand, operand == nil {
      throw ValidationError("\(action.rawValue) needs \(wanted).")
    }
    if action.operand == nil, operand != nil {
      throw ValidationError("\(action.rawValue) takes nothing more.")
    }
    if let confirmWithin {
      guard [.add, .remove, .replace].contains(action) else {
        throw ValidationError("--confirm-within goes with add, remove and replace.")
      }
      guard confirmWithin > 0, confirmWithin <= 1e6 else {
        throw ValidationError(
          "--confirm-within takes a number greater than 0, and at most 1000000.")
      }
    }
    if let count, count < 1 || action != .watch {
      throw ValidationError("--count goes with watch, and counts from 1.")
    }
    if let queue, queue < 0 || action != .explain {
      throw ValidationError("--queue goes with explain, and counts from 0.")
    }
    if json, action != .list { throw ValidationError("--json goes with list.") }
    let text = operand ?? ""
    if action == .remove, UInt32(text) == nil {
      throw ValidationError("'\(text)' is no rule's number.")
    }
    if action == .explain, bytes(hexadecimal: text)?.isEmpty != false {
      throw ValidationError("'\(text)' is no packet in hexadecimal digits.")
    }
  }

  func run() throws {
    Terminal.fillPlaces()
    do throws(Complaint) {
      switch action {
      case .list: try printList(try list())
      case .watch: try watch()
      default:
        let request = try request(operand ?? "")
        let answer = try ask(request)
        if !answer.isEmpty { try say(answer) }
        ForwardNotes.print(for: request.rules)
      }
    } catch {
      Terminal.note(error.text)
      throw ExitCode.failure
    }
  }

  private func request(_ operand: String) throws(Complaint) -> RuleRequest {
    let limit = confirmWithin.map { Duration.seconds($0) }
    switch action {
    case .list, .watch: return .list
    case .confirm: return .confirm
    case .rollback: return .rollBack
    case .explain: return .explain(packet: bytes(hexadecimal: operand) ?? [], queue: queue)
    case .remove: return .remove(RuleID(rawValue: UInt32(operand) ?? 0), confirmWithin: limit)
    case .add:
      let text = operand == "-" ? try RuleFile.text(of: operand) : operand
      let change = try RuleFile.change(text, from: operand == "-" ? operand : nil)
      guard !change.steps.isEmpty else { throw Complaint("add a rule: there is none; give one") }
      return .add(rules: text, confirmWithin: limit)
    case .replace:
      let text = try RuleFile.text(of: operand)
      try RuleFile.change(text, from: operand)
      return .replace(rules: text, confirmWithin: limit)
    }
  }

  /// Asks the process that serves the interface.
  private func ask(_ request: RuleRequest) throws(Complaint) -> String {
    let text: String?
    do throws(XDPError) {
      var channel = TextChannel(try ControlAddress.connect(to: try Interface(named: interface)))
      text = channel.ask(request.text, timeout: .seconds(10))
    } catch {
      throw Complaint("\(error)")
    }
    switch text.flatMap({ RuleAnswer($0) }) {
    case .success(let text): return text
    case .failure(let text): throw Complaint(text)
    case nil: throw Complaint("ask about the rules of \(interface): no answer; is it stopped?")
    }
  }

  private func list() throws(Complaint) -> [ListedRule] {
    try ask(.list).split(separator: "\n").compactMap { ListedRule(line: $0) }
  }

  private func printList(_ rules: [ListedRule]) throws(Complaint) {
    if json {
      try say(JSON.array(rules.map(\.json)).text)
    } else {
      for rule in rules { try say(rule.description) }
    }
  }

  /// Prints an answer: whoever put it into a file on a full disk has to know that it is not there.
  private func say(_ text: String) throws(Complaint) {
    guard Terminal.print(text) else {
      throw Complaint(
        "print the answer: standard output takes nothing; what was asked for is done; see `list`")
    }
  }

  private func watch() throws(Complaint) {
    var known = counts(try list())
    var round = 0
    while round < count ?? .max {
      sleep(1)
      let rules = try list()
      for rule in rules {
        let packets = rule.counters?.packets ?? 0
        guard packets != known[rule.id] ?? 0 else { continue }
        try say(rule.description)
      }
      known = counts(rules)
      round += 1
    }
  }

  private func counts(_ rules: [ListedRule]) -> [RuleID: UInt64] {
    Dictionary(rules.map { ($0.id, $0.counters?.packets ?? 0) }) { $1 }
  }
}

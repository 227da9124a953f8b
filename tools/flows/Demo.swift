import Glibc
import Martlet

/// The engine between the two ends, and what is done under its traffic.
struct Demo: ~Copyable {
  var engine: Engine
  let parties: [Party]
  let near: Interface
  /// What is no group's comes in at `rest`, and everything goes out at `out`.
  let rest: Port
  let out: Port
  let pace: Pace
  private let arguments: [String]
  /// Every socket that processes ask at or talk over, by number.
  private let sockets: PeerSet

  /// Rules that see what the groups' rules do not.
  private(set) var nets: [RuleID] = []
  /// Rules that come and go with the groups'.
  private var fillers: [RuleID] = []
  var findings = Findings()

  /// How long everything takes.
  struct Pace {
    var changes = 10
    var changeInterval = Duration.milliseconds(400)
    var outage = Duration.milliseconds(2500)
    /// Packets of all groups before it ends.
    var packets: UInt64 = 1_050_000

    init(isQuick: Bool) {
      guard isQuick else { return }
      changes = 4
      changeInterval = .milliseconds(250)
      outage = .milliseconds(1200)
      packets = 300_000
    }
  }

  init(_ options: Options, _ paths: [String]) throws(XDPError) {
    var configuration = Engine.Configuration()
    // Packets lie at the same place of each chunk, so that every byte of a page has one reading.
    configuration.isUnaligned = false
    configuration.groups = [.init()] + options.groups.map { _ in .init(arena: 8 << 20) }
    var engine = try Engine(configuration)
    let (near, out) = (options.words[0], options.words[1])
    let groups = options.groups.indices.map { FlowGroup(index: $0 + 1) }
    let ports = try engine.bind(
      [QueueName(near, queue: 0), QueueName(out, queue: 0)]
        + groups.map { QueueName(near, queue: $0.index, group: $0) })
    var parties: [Party] = []
    for (number, plan) in options.groups.enumerated() {
      let party = try Party(plan, groups[number], ports[number + 2], paths[number])
      try engine.setGroup(plan.name, ports: [party.port])
      for flow in plan.flows { try engine.place(flow.key, on: party.port) }
      parties.append(party)
    }
    let sockets = try PeerSet()
    for (number, party) in parties.enumerated() {
      try sockets.add(party.listener, number: number)
    }
    try engine.stopOnSignals()
    engine.watch(sockets.fileDescriptor)
    self.near = try Interface(named: near)
    self.engine = engine
    self.parties = parties
    self.sockets = sockets
    (rest, self.out) = (ports[0], ports[1])
    pace = Pace(isQuick: options["--pace"] == "quick")
    arguments = Array(CommandLine.arguments.dropFirst())
  }
}

extension Demo {
  /// One turn of the loop: every group to its consumer, the rest across.
  mutating func turn() throws(XDPError) {
    guard try engine.wait(timeout: .milliseconds(2)) else {
      throw XDPError(
        .system, operation: "show flows", reason: "it was interrupted", remedy: "start again")
    }
    for party in parties { serve(party) }
    engine.forward(from: rest, to: out) { _ in .forward }
    engine.forward(from: out, to: rest) { _ in .forward }
    if engine.isWatchedReady { try answer() }
  }

  /// Turns the loop for some time.
  mutating func go(for duration: Duration) throws(XDPError) {
    let end = ContinuousClock.now + duration
    while ContinuousClock.now < end { try turn() }
  }

  /// Turns the loop until something holds; throws after half a minute.
  mutating func go(
    until name: String, _ holds: (borrowing Demo) -> Bool
  ) throws(XDPError) {
    let end = ContinuousClock.now + .seconds(30)
    while !holds(self) {
      guard ContinuousClock.now < end else {
        throw XDPError(
          .system, operation: "wait until \(name)", reason: "it does not come about",
          remedy: "look at the demo's network")
      }
      try turn()
    }
  }

  /// Starts a group's consumer; it is served once it asks.
  func startConsumer(of number: Int) throws(XDPError) {
    let party = parties[number]
    try party.start(arguments + ["--consume", "\(number)"])
    switch party.consumer {
    case .some(let consumer):
      try sockets.add(consumer.socket, number: parties.count + number)
    case .none: break
    }
  }

  private mutating func serve(_ party: Party) {
    if let export = party.export {
      guard engine.isOpen(export) else { return close(party) }
      engine.deliver(from: party.port, to: export)
    } else {
      while let frame = engine.receive(from: party.port) {
        engine.release(frame)
        party.unserved += 1
      }
    }
  }

  /// Answers processes that ask, and takes what consumers say.
  private mutating func answer() throws(XDPError) {
    for number in sockets.ready() {
      let party = parties[number % parties.count]
      if number < parties.count {
        try admit(to: party)
      } else if !party.listen() {
        forgetConsumer(of: party)
      }
    }
  }

  /// No longer listens to a consumer that is gone.
  private func forgetConsumer(of party: Party) {
    switch party.consumer {
    case .some(let consumer): sockets.remove(consumer.socket)
    case .none: break
    }
  }

  /// Gives the group to a process that asks, if it is the group's consumer and has no privileges.
  private mutating func admit(to party: Party) throws(XDPError) {
    guard let socket = try party.listener.accept(timeout: .zero), let peer = socket.peer(),
      peer.process == party.consumer?.identifier, peer.user == Privileges.nobody
    else { return }
    close(party)
    var terms = ExportTerms(forwardPort: out)
    terms.stallLimit = nil
    party.export = try engine.export(party.group, to: socket, terms)
  }

  /// Ends a group's export and notes what went through it.
  mutating func close(_ party: Party) {
    guard let export = party.export else { return }
    engine.end(export)
    if let report = engine.report(of: export) { party.note(report) }
  }
}

extension Demo {
  /// Packets that the program sent to a group.
  func reached(_ party: Party) -> UInt64 {
    party.rules.reduce(0) { $0 + (engine.counters(of: $1)?.packets ?? 0) }
  }

  /// Packets that the program sent to a group and its consumer did not get, by every counter there
  /// is for such.
  func lost(_ party: Party) -> UInt64 {
    let drops = engine.report(of: party.port).dropped
    let report = party.export.flatMap { engine.report(of: $0) }
    return drops.receiveRingFull + drops.fillEmpty + drops.tooLong + drops.broken
      + party.unserved + party.lost
      + (report.map { $0.stalled + $0.unfit + $0.late } ?? 0)
  }

  /// Packets that a group's consumers had and judged.
  func delivered(_ party: Party) -> UInt64 {
    let report = party.export.flatMap { engine.report(of: $0) }
    return party.delivered + (report?.forwarded ?? 0) + (report?.dropped ?? 0)
  }

  /// Packets that no rule of a group saw, though they are of its flows.
  var seenByNeither: UInt64 {
    nets.reduce(0) { $0 + (engine.counters(of: $1)?.packets ?? 0) }
  }
}

extension Demo {
  /// How the groups' rules are put: each takes the same packets.
  enum Wording {
    /// By the exact flow.
    case flows
    /// By network and ports.
    case ports
    /// Not at all: no packet is like that.
    case nothing
  }

  /// The first rules: those of the groups, those that see what they miss, and the rest's.
  mutating func setRules() throws(XDPError) {
    for party in parties {
      party.rules = try engine.apply(
        RuleChange(party.plan.flows.map { .add(Self.rule($0, .flows, of: party.plan)) }))
    }
    nets = try engine.apply(
      RuleChange(
        parties.flatMap(\.plan.flows).map {
          .add(Rule(Self.match($0, .ports), .kernel, priority: -1))
        }))
    let others = [
      Rule(.everything, .socket, interface: near, queue: 0, priority: -2),
      Rule(.everything, .socket, priority: -2),
    ]
    var second = others[1]
    second.match.interface = .not(InterfaceName(near))
    try engine.apply(RuleChange([.add(others[0]), .add(second)]))
  }

  /// Puts the groups' rules in other words, all at once, among a thousand that come or go.
  mutating func changeRules(to wording: Wording) throws(XDPError) {
    var change = RuleChange()
    for party in parties {
      for (rule, flow) in zip(party.rules, party.plan.flows) {
        change.replace(rule, with: Self.rule(flow, wording, of: party.plan))
      }
    }
    if fillers.isEmpty {
      for number in 0..<1000 {
        var match = Match.udp(destinationPort: UInt16(10_000 + number))
        match.sourcePort = UInt16(20_000 + number)
        change.add(Rule(match, .drop, priority: number % 7))
      }
      fillers = try engine.apply(change)
    } else {
      for rule in fillers { change.remove(rule) }
      fillers = []
      try engine.apply(change)
    }
    findings.changes += 1
    findings.changedRules += change.steps.count
  }

  private static func rule(_ flow: FlowPlan, _ wording: Wording, of plan: GroupPlan) -> Rule {
    Rule(match(flow, wording), .group(plan.name), priority: 10)
  }

  private static func match(_ flow: FlowPlan, _ wording: Wording) -> Match {
    var match = Match.flow(flow.key)
    switch wording {
    case .flows: break
    case .ports:
      match.destination = nil
      (match.vlan, match.innerVLAN) = (nil, nil)
      match.destinationPorts = .is(flow.key.destinationPort...flow.key.destinationPort + 9)
    case .nothing: match.vlan = .is(.identifier(4000))
    }
    return match
  }
}

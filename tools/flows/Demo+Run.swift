import Glibc
import Martlet

/// What was found while the traffic went.
struct Findings {
  var changes = 0
  var changedRules = 0
  var seenByNeither: UInt64 = 0
  /// Whether the rules that see what neither sees do see it.
  var isNetProven = false
  var killedOthersLost: UInt64 = 0
  var isKilled = false
  var hungOthersLost: UInt64 = 0
  var isHung = false
  /// By group.
  var packets: [UInt64] = []
  var unaccounted: [Int64] = []
  var scans: [PageScan] = []
  var placements: [Placement] = []
}

extension Demo {
  /// From the first packet to the last.
  mutating func run() throws(XDPError) {
    try setRules()
    for number in parties.indices { try startConsumer(of: number) }
    try go(until: "the consumers read") { demo in demo.parties.allSatisfy(\.isReading) }
    say("ready")
    try go(until: "packets of every group come") { demo in
      demo.parties.allSatisfy { demo.reached($0) > 1000 }
    }
    try go(for: pace.changeInterval)
    for number in 0..<pace.changes {
      try changeRules(to: number % 2 == 0 ? .ports : .flows)
      try go(for: pace.changeInterval)
    }
    try kill(1)
    try go(for: pace.changeInterval)
    try hang(2)
    let packets = pace.packets
    try go(until: "enough packets have come") { demo in
      demo.parties.reduce(0) { $0 + demo.reached($1) } >= packets
    }
    try finish()
  }

  /// Kills a group's consumer; the others lose nothing, and another one takes its place.
  private mutating func kill(_ number: Int) throws(XDPError) {
    let before = othersLost(number)
    parties[number].wasKilled = true
    parties[number].consumer?.signal(SIGKILL)
    try go(for: pace.outage)
    findings.killedOthersLost = othersLost(number) - before
    let party = parties[number]
    findings.isKilled =
      party.consumer?.finish(within: .seconds(1)) == .signalled(SIGKILL)
      && party.export == nil && party.unserved > 0
    try startConsumer(of: number)
    try go(until: "another consumer reads") { demo in demo.parties[number].isReading }
  }

  /// Stops a group's consumer; the others lose nothing, and it goes on afterwards.
  private mutating func hang(_ number: Int) throws(XDPError) {
    let before = othersLost(number)
    let party = parties[number]
    party.consumer?.signal(SIGSTOP)
    try go(for: pace.outage)
    findings.hungOthersLost = othersLost(number) - before
    findings.isHung = party.export.flatMap { engine.report(of: $0)?.stalled } ?? 0 > 0
    party.consumer?.signal(SIGCONT)
    let delivered = delivered(party)
    try go(until: "the hung consumer goes on") { demo in
      demo.delivered(demo.parties[number]) > delivered + 10_000
    }
  }

  private func othersLost(_ number: Int) -> UInt64 {
    parties.indices.filter { $0 != number }.reduce(0) { $0 + lost(parties[$1]) }
  }

  /// Ends the groups' traffic by their rules, so that all of it can be accounted for; then looks at
  /// every page.
  private mutating func finish() throws(XDPError) {
    findings.seenByNeither = seenByNeither
    findings.placements = parties.map { engine.placement(of: $0.group) }
    try changeRules(to: .nothing)
    findings.changes -= 1
    try go(until: "every packet came back") { demo in
      demo.parties.allSatisfy { party in
        let accounted = demo.delivered(party) + demo.lost(party)
        return demo.reached(party) <= accounted
      }
    }
    let seen = findings.seenByNeither
    try go(until: "packets that no rule wants are seen") { demo in demo.seenByNeither > seen }
    findings.isNetProven = true
    for party in parties {
      findings.packets.append(reached(party))
      close(party)
      findings.unaccounted.append(
        Int64(reached(party)) - Int64(delivered(party) + lost(party)))
    }
    try go(until: "the consumers have ended") { demo in
      demo.parties.allSatisfy { $0.consumer?.hasEnded == true }
    }
    for party in parties {
      // What it said last may still be on its way.
      while party.listen() {}
      findings.scans.append(PageScan(of: engine.memory(of: party.group), party.plan))
    }
  }
}

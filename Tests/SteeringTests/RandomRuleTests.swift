import MartletTestKit
import Steering
import Testing
import Wire
import XSK

/// Every kind of condition, alone and together, against the slow classifier.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct RandomRuleTests {
  /// 100,000 packets against 100 rule sets in both orders, each packet three times: new to the flow
  /// cache, known by its tag, and known to it.
  @Test func randomPacketsAndRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var world = RandomRules(seed: 7)
      var seen: [Action: Int] = [:]
      for round in 0..<100 {
        let size = world.pick([1, 2, 5, 20, 100])
        let rules = world.rules(size)
        try Self.compare(&bench, round % 2 == 0 ? rules : rules.reversed(), &world, &seen)
      }
      #expect(seen.count == 3 && seen.values.allSatisfy { $0 > 10_000 }, "\(seen)")
    }
  }

  /// Fragments and what is cut off apart, which a flow key still tells something of.
  @Test func theRuleOfAFlowKeyNamesItsPacket() throws {
    var world = RandomRules(seed: 11)
    var count = 0
    for _ in 0..<20_000 {
      let packet = world.packet()
      guard let key = Self.key(of: packet) else { continue }
      guard ReferenceFacts(packet).destinationPort != nil else { continue }
      count += 1
      let (winner, _) = reference([Rule(.flow(key), .drop)], packet, queue: 0)
      try #require(winner != nil, "\(key): \(packet)")
    }
    #expect(count > 5_000)
    // Rules look behind two tags.
    let samples = Packets.plain + Packets.tagged.filter { !$0.name.contains("3") }
    for (name, packet) in samples + Packets.extensions {
      guard let key = Self.key(of: packet) else { continue }
      let (winner, _) = reference([Rule(.flow(key), .drop)], packet, queue: 0)
      #expect(winner != nil, "\(name)")
    }
  }

  /// The flow of a packet with ports.
  private static func key(of packet: [UInt8]) -> FlowKey? {
    let key = unsafe FlowKey(frame: packet.span.bytes)
    return key?.sourcePort == 0 ? nil : key
  }

  private static func compare(
    _ bench: inout Bench, _ rules: [Rule], _ world: inout RandomRules, _ seen: inout [Action: Int]
  ) throws {
    let ids = try bench.program.apply(RuleChange([.removeAll] + rules.map { .add($0) }))
    // A rule that was there before goes on counting.
    let before = ids.map { bench.program.counters(of: $0) }
    var packets = before.map { $0?.packets ?? 0 }
    var bytes = before.map { $0?.bytes ?? 0 }
    for _ in 0..<1000 {
      let packet = world.packet()
      let queue = world.pick([0, 0, 1])
      let (winner, counted) = reference(rules, packet, queue: queue)
      // Queue 1 has no socket.
      var expected = winner.map { rules[$0].action } ?? .kernel
      if expected == .socket && queue == 1 { expected = .kernel }
      for _ in 0..<3 {
        let verdict = try bench.trial(packet, queue: queue)
        try #require(
          verdict == expected,
          "\(packet), queue \(queue): \(winner.map { "\(rules[$0])" } ?? "no rule")")
        for place in counted + (winner.map { [$0] } ?? []) {
          packets[place] += 1
          bytes[place] += UInt64(packet.count)
        }
      }
      seen[expected, default: 0] += 1
    }
    for (place, id) in ids.enumerated() {
      // The first rule of all may be one for every packet, which counts nothing.
      guard let counters = bench.program.counters(of: id) else { continue }
      try #require(counters.packets == packets[place], "\(rules[place])")
      try #require(counters.bytes == bytes[place], "\(rules[place])")
    }
  }

  /// A cache so small that flows drive each other out all the time.
  @Test func flowsThatDriveEachOtherOut() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(flowCacheSize: 16)
      var world = RandomRules(seed: 8)
      var seen: [Action: Int] = [:]
      for _ in 0..<5 { try Self.compare(&bench, world.rules(30), &world, &seen) }
    }
  }

  @Test func explainedAsTheReferenceSays() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var world = RandomRules(seed: 9)
      for _ in 0..<5 {
        let rules = world.rules(12)
        let ids = try bench.program.apply(RuleChange([.removeAll] + rules.map { .add($0) }))
        for _ in 0..<10 {
          let packet = world.packet()
          let (winner, counted) = reference(rules, packet, queue: 0)
          let explanation = try bench.program.explain(packet, interface: bench.near)
          try #require(explanation.winner == winner.map { ids[$0] }, "\(packet)\n\(explanation)")
          try #require(explanation.rules.count == rules.count)
          let counting = explanation.rules.filter { $0.outcome == .counts }.map(\.rule)
          try #require(Set(counting) == Set(counted.map { ids[$0] }))
          try Self.check(explanation, rules, ids, packet)
        }
      }
    }
  }

  /// Each field that is said to differ does, and none is left out.
  private static func check(
    _ explanation: Explanation, _ rules: [Rule], _ ids: [RuleID], _ packet: [UInt8]
  ) throws {
    let facts = ReferenceFacts(packet)
    for verdict in explanation.rules {
      guard let place = ids.firstIndex(of: verdict.rule) else { continue }
      let names = rules[place].match.names(facts, queue: 0)
      switch verdict.outcome {
      case .decides, .counts, .outranked: try #require(names, "\(rules[place])\n\(explanation)")
      case .impossible: try #require(!names)
      case .differs(let fields): try #require(!names && !fields.isEmpty, "\(rules[place])")
      }
    }
  }
}

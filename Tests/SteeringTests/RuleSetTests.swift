import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// The sets of tables that a change of rules writes and leaves.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct RuleSetTests {
  static let arp = PacketBuilder().arpRequest()
  static let change = RuleChange([.removeAll, .add(Rule(.arp, .socket))])

  /// So many rules, the last of which has ARP dropped.
  private static func rules(_ count: Int) -> [Rule] {
    let others = (1..<UInt16(count)).map { Rule(.udp(destinationPort: $0), .kernel) }
    return others + [Rule(.arp, .drop)]
  }

  /// A set is left when no packet can come to it any more, and not before.
  @Test func aSetIsLeftOnce() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var trial = Self.change
      trial.confirmWithin = .seconds(60)
      try bench.program.apply(Self.change)
      #expect(bench.leftCount() == 0)
      try bench.program.apply(Self.change)
      #expect(bench.leftCount() == 1)
      for isTaken in [true, false] {
        let before = bench.leftCount()
        try bench.program.apply(trial)
        // Unconfirmed, the set before may be looked at again.
        let during = bench.leftCount()
        #expect(during <= before)
        if isTaken { try bench.program.confirm() } else { bench.program.rollBack() }
        #expect(bench.leftCount() == during + 1)
      }
      // To no tables.
      let before = bench.leftCount()
      try bench.program.setRules([Rule(.everything, .drop)])
      #expect(bench.leftCount() == before + 1)
      try bench.program.setRules([])
      #expect(bench.leftCount() == before + 1)
      // And back.
      try bench.program.apply(Self.change)
      #expect(bench.leftCount() <= before + 1)
      #expect(try bench.trial(Self.arp) == .socket)
    }
  }

  /// Small and large, with as many changes as there are sets and more.
  @Test(arguments: zip([1, 1000, 4096], [20, 8, 3]))
  func changesInARow(_ count: Int, rounds: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let rules = Self.rules(count)
      for _ in 1...rounds {
        try bench.program.setRules([Rule(.arp, .socket)])
        #expect(try bench.trial(Self.arp) == .socket)
        for trials: UInt64 in 1...2 {
          let ids = try bench.program.apply(RuleChange([.removeAll] + rules.map { .add($0) }))
          #expect(try bench.trial(Self.arp) == .drop)
          #expect(bench.program.counters(of: ids[count - 1])?.packets == trials)
        }
      }
    }
  }

  /// What rules counted in sets that packets may still be looking at is not lost and counted once.
  @Test func countersGoOnThroughAllSets() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))[0]
      for round in 1...50 {
        _ = try bench.trial(Self.arp)
        let action: Action = round.isMultiple(of: 2) ? .drop : .socket
        try bench.program.apply(RuleChange([.replace(id, with: Rule(.arp, action))]))
        #expect(bench.program.counters(of: id)?.packets == UInt64(round))
      }
    }
  }

  /// The same with changes that are tried, then confirmed or rolled back.
  @Test func countersGoOnThroughTrials() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))[0]
      var count: UInt64 = 0
      for round in 1...40 {
        let action: Action = round.isMultiple(of: 2) ? .drop : .socket
        try bench.program.apply(
          RuleChange([.replace(id, with: Rule(.arp, action))], confirmWithin: .seconds(60)))
        _ = try bench.trial(Self.arp)
        if round.isMultiple(of: 3) { try bench.program.confirm() } else { bench.program.rollBack() }
        _ = try bench.trial(Self.arp)
        count += 2
        #expect(bench.program.counters(of: id)?.packets == count)
      }
    }
  }

  /// What packets may still be looking at is not given to other rules.
  @Test func slotsOfSetsThatWereLeftAreKept() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      var seen: [UInt32] = []
      for round: UInt16 in 1...20 {
        try bench.program.setRules([Rule(.udp(destinationPort: round), .drop)])
        let left = bench.leftCount()
        seen.append(bench.program.book.rules[0].slot)
        #expect((left >= 1) == (round > 1))
        let isInUse = bench.program.engine?.slotsInUse() ?? []
        #expect(Set(seen.suffix(left + 1)).count == left + 1)
        let slots = isInUse.indices.filter { isInUse[$0] }
        #expect(slots == seen.suffix(left + 1).map(Int.init).sorted())
      }
    }
  }

  /// Nor where a rule goes on with another action: what is counted there still counts.
  @Test func countersOfSetsThatWereLeftAreKept() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let id = try bench.program.apply(RuleChange([.add(Rule(.arp, .drop))]))[0]
      var seen: [UInt32] = []
      for _ in 1...20 {
        seen.append(bench.program.book.rules[0].slot)
        try bench.program.apply(RuleChange([.replace(id, with: Rule(.arp, .socket))]))
        let stored = bench.program.book.rules[0]
        #expect(stored.earlier == seen.suffix(bench.leftCount()))
        #expect(!stored.earlier.contains(stored.slot))
      }
    }
  }

  /// A set that is written leaves those alone that packets may be looking at, left or not.
  @Test func setsDoNotTouchEachOther() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.arp, .drop)])
      let slot = bench.program.book.rules[0].slot
      // As long as the other, so that it would fit in its place.
      let entry = RuleTables.Entry(
        pattern: KeyPattern(.icmp, interface: nil), slot: slot, counts: false)
      for isLeft in [false, true] {
        // Nothing is freed but by a change, so the program goes on with it.
        if isLeft { bench.program.engine?.leave(bench.program.word.set) }
        for _ in 0..<2 {
          let tables = RuleTables([entry], hashesFlows: false)
          let set = bench.program.engine?.write(tables, slots: [], owners: [])
          #expect(set != nil && set != bench.program.word.set)
          // Else the cache might know.
          bench.program.engine?.forgetFlows()
          #expect(try bench.trial(Self.arp) == .drop)
        }
      }
    }
  }

  /// Groups whose members fill half of the room: from the third change on each waits for room.
  @Test func membersWaitForRoom() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let slot = try bench.program.slot(interface: bench.near, queue: 0)
      try bench.program.setGroup("all", [SocketSlot](repeating: slot, count: 8))
      let count = UInt16(RuleCapacity.members / 2 / 8)
      func rules(_ ports: Range<UInt16>) -> [Rule] {
        ports.map { Rule(.udp(destinationPort: $0), .group("all")) } + [Rule(.arp, .drop)]
      }
      for round: UInt16 in 0..<12 {
        let first = 4096 * (round % 2)
        try bench.program.setRules(rules(first..<first + count))
        #expect(try bench.trial(Self.arp) == .drop)
        guard round % 4 == 0 else { continue }
        // More than there is room for at all, which changes nothing.
        let ids = bench.program.rules.map(\.id)
        let error = #expect(throws: XDPError.self) {
          try bench.program.setRules(rules(8192..<8192 + 3 * count))
        }
        #expect(error?.kind == .configuration && error?.reason.contains("sockets") == true)
        #expect(bench.program.rules.map(\.id) == ids)
        #expect(try bench.trial(Self.arp) == .drop)
      }
    }
  }

  @Test func setsAreFreedInTheOrderInWhichTheyWereLeft() throws {
    var sets = RuleSets()
    for number in 0..<RuleCapacity.sets {
      #expect(sets.free == number)
      sets.take(number, slots: [UInt32(number)], owners: [])
    }
    #expect(sets.free == nil && sets.slots.count == RuleCapacity.sets)
    #expect(try sets.freeFirst(isAwaited: true) == nil)
    // One without a thread that waits, and one with it.
    sets.leave(5, waiting: nil)
    #expect(try sets.freeFirst(isAwaited: false) == nil)
    sets.leave(2)
    #expect(sets.leftCount == 2 && sets.free == nil)
    #expect(try sets.freeFirst(isAwaited: true) == 5)
    #expect(sets.free == 5 && !sets.slots.contains(5) && sets.slots.contains(2))
    #expect(try sets.freeFirst(isAwaited: true) == 2)
    #expect(sets.leftCount == 0 && sets.free == 2)
  }

  /// A wait that has begun is over some time later, without anybody's help, and so are those of
  /// whatever was left before.
  @Test func aWaitEndsByItself() throws {
    var sets = RuleSets()
    for number in 0...1 { sets.take(number, slots: [], owners: []) }
    sets.leave(0, waiting: nil)
    sets.leave(1)
    let end = ContinuousClock.now + .seconds(30)
    var freed: [Int] = []
    while freed.count < 2, ContinuousClock.now < end {
      if let set = try sets.freeFirst(isAwaited: false) { freed.append(set) }
    }
    #expect(freed == [0, 1])
  }
}

struct RunPoolTests {
  @Test func runsLieApartAndEveryGapIsFound() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<30 {
      let places = 3..<67
      var pool = RunPool(places)
      var runs: [Range<Int>] = []
      for _ in 0..<200 {
        switch Int.random(in: 0..<20, using: &random) {
        case 0:
          runs = runs.filter { _ in Bool.random(using: &random) }
          pool.keep(runs.shuffled(using: &random) + [20..<20])
        case 1..<10:
          guard let index = runs.indices.randomElement(using: &random) else { continue }
          pool.free(runs.remove(at: index))
        default:
          let count = Int.random(in: 0...20, using: &random)
          let isGap = (places.lowerBound...places.upperBound - count).contains { start in
            runs.allSatisfy { !$0.overlaps(start..<start + count) }
          }
          let run = pool.take(count)
          #expect((run != nil) == isGap && run?.count ?? count == count)
          guard let run, !run.isEmpty else { continue }
          #expect(run.clamped(to: places) == run && runs.allSatisfy { !$0.overlaps(run) })
          runs.append(run)
        }
      }
    }
  }
}

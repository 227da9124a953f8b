import CXDP
import Glibc
import SystemPackage
import Wire
import XSK

/// The program with the rules, its memory, and which of the rules' places are taken.
struct RuleEngine: ~Copyable {
  private var object: RuleObject
  private var memory: RuleMemory
  private var sets = RuleSets()
  /// Actions, by slot.
  private let records: MappedArray
  private let members: MappedArray
  /// Counters and flow caches, by CPU.
  private let cpus: MappedArray
  private let layout: CPULayout

  /// Slots that no set has.
  private var freeSlots: [UInt32]
  /// Members that each slot has.
  private var memberRuns: [UInt32: Range<Int>] = [:]
  private var memberPool = RunPool(0..<RuleCapacity.members)
  private var targets = ForwardTargets()

  /// Opens the program and makes its maps.
  init(
    _ kind: RuleObject.Program, over plain: ProgramObject, layout: CPULayout,
    cpuCount: Int, acceptsFragments: Bool
  ) throws(XDPError) {
    let object = try RuleObject(
      kind, over: plain, sizes: Self.sizes(cpuCount), layout: layout,
      acceptsFragments: acceptsFragments)
    let memory = try RuleMemory(of: object)
    let records = try object.map(.rules)
    let members = try object.map(.members)
    let cpus = try object.map(CPULayout.mapName)
    // Nothing fails from here on.
    self.layout = layout
    self.cpus = cpus
    self.object = object
    self.memory = memory
    self.records = records
    self.members = members
    freeSlots = (1..<UInt32(RuleCapacity.slots)).reversed()
  }

  private static func sizes(_ cpuCount: Int) -> [String: Int] {
    let further = [
      CPULayout.mapName: cpuCount, ForwardTargets.mapName: RuleCapacity.slots,
    ]
    return RuleMemory.sizes.merging(further) { $1 }
  }

  /// The program that decides, one of those over the same maps.
  func program() -> RuleObject { object }

  /// Another of them.
  mutating func take(_ object: RuleObject) { self.object = object }

  /// The maps that programs with rules have in common, but for those of the one without.
  func maps() -> [String: Int32] {
    Self.sizes(cpus.count).keys.reduce(into: [:]) { $0[$1] = object.descriptor(of: $1) }
  }

  /// Writes tables where no packet is looking; answers with their set, or nil if there is no room.
  ///
  /// They keep what they take until the set is left and nobody looks at it any more.
  mutating func write(
    _ tables: borrowing RuleTables, slots: [UInt32], owners: [RuleID]
  ) -> Int? {
    guard let set = sets.free, memory.write(tables, set: set) else { return nil }
    sets.take(set, slots: slots, owners: owners)
    return set
  }

  func owners(ofSet set: Int) -> [RuleID] { sets.owners(of: set) }

  /// How many sets were left that packets may be looking at.
  func leftCount() -> Int { sets.leftCount }

  /// From now on no packet comes to the set.
  mutating func leave(_ set: Int) { sets.leave(set) }

  /// Frees the sets that no packet is looking at any more; if all are taken it waits for one.
  mutating func freeSets() throws(XDPError) {
    while let set = try sets.freeFirst(isAwaited: sets.free == nil) { memory.free(set) }
  }

  /// Waits for the set that was left first; false if there is none.
  mutating func waitForSet() throws(XDPError) -> Bool {
    guard let set = try sets.freeFirst(isAwaited: true) else { return false }
    memory.free(set)
    return true
  }

  /// Which slots packets may be looking at and counting in, by their numbers.
  func slotsInUse() -> [Bool] {
    var isUsed = [Bool](repeating: false, count: RuleCapacity.slots)
    for slot in sets.slots { isUsed[Int(slot)] = true }
    return isUsed
  }

  /// A map's descriptor.
  func descriptor(of map: String) -> Int32 { object.descriptor(of: map) }

  /// Empties the cache.
  func forgetFlows() {
    for cpu in 0..<cpus.count {
      for place in 0..<layout.places { cpus.store(UInt32(0), cpu, CPULayout.flow(at: place)) }
    }
  }

  /// What was counted of one port's packets, CPU by CPU: `SteeringCounters` adds it up.
  func counters(ofPort number: Int) -> [UInt64] {
    let first = CPULayout.counters(of: number)
    return (0..<cpus.count).flatMap { cpu in
      (0..<SteeringCounters.wordCount).map { cpus.load(cpu, first + 8 * $0) }
    }
  }

  /// A port starts from zero.
  func resetCounters(ofPort number: Int) {
    let first = CPULayout.counters(of: number)
    for cpu in 0..<cpus.count {
      for word in 0..<SteeringCounters.wordCount {
        cpus.store(UInt64(0), cpu, first + 8 * word)
      }
    }
  }

  /// What was counted in one slot, over all processors.
  func counters(of slot: UInt32) -> RuleCounters {
    var sum = RuleCounters()
    let tally = CPULayout.tally(of: Int(slot))
    for cpu in 0..<cpus.count {
      sum.packets += cpus.load(cpu, tally)
      sum.bytes += cpus.load(cpu, tally + 8)
      sum.lastTick = max(sum.lastTick, cpus.load(cpu, tally + 16))
    }
    return sum
  }

  /// Frees all slots but these, of which are all that are in use.
  mutating func keep(_ isKept: [Bool]) {
    freeSlots = (1..<UInt32(RuleCapacity.slots)).reversed().filter { !isKept[Int($0)] }
    memberRuns = memberRuns.filter { isKept[Int($0.key)] }
    memberPool.keep(memberRuns.values)
    targets.keep(isKept, in: descriptor(of: ForwardTargets.mapName))
  }

  /// Gives a rule a slot: its action, and counters at zero; nil if there is no room.
  mutating func place(_ target: RuleTarget, id: RuleID) throws(XDPError) -> UInt32? {
    guard let slot = freeSlots.popLast() else { return nil }
    if target.action == .forward {
      let map = descriptor(of: ForwardTargets.mapName)
      try targets.add(target.interface, for: slot, to: map)
    }
    var first = 0
    if let table = target.members {
      guard let run = memberPool.take(table.sockets.count) else { return nil }
      memberRuns[slot] = run
      first = run.lowerBound
      for (at, socket) in table.sockets.enumerated() { members.store(socket, first + at, 0) }
    }
    write(target, id: id, firstMember: first, at: Int(slot))
    let tally = CPULayout.tally(of: Int(slot))
    for cpu in 0..<cpus.count {
      for offset in [0, 8, 16] { cpus.store(UInt64(0), cpu, tally + offset) }
    }
    return slot
  }

  /// `struct rule` of bpf/rules.h.
  private func write(_ target: RuleTarget, id: RuleID, firstMember: Int, at slot: Int) {
    records.store(id.rawValue, slot, 0)
    records.store(
      target.action.rawValue | (target.isSymmetric ? 1 << 8 : 0)
        | (target.rewrite == nil ? 0 : 1 << 16) | (target.decrementsTTL ? 1 << 24 : 0), slot, 4)
    records.store(target.group, slot, 8)
    records.store(UInt32(firstMember), slot, 12)
    records.store(UInt32(target.members?.first ?? 0), slot, 16)
    records.store(UInt32(target.members?.places ?? 0), slot, 20)
    records.store(UInt32(target.members?.ways ?? 0), slot, 24)
    records.store(target.interface, slot, 28)
    // Twelve bytes as they stand in a packet: destination, then source.
    let destination = (target.rewrite?.destination.rawValue ?? 0).byteSwapped >> 16
    let source = (target.rewrite?.source.rawValue ?? 0).byteSwapped >> 16
    records.store(destination | source << 48, slot, 32)
    records.store(UInt32(truncatingIfNeeded: source >> 16), slot, 40)
  }
}

/// A rule's action as the program reads it.
struct RuleTarget {
  /// `enum action` of bpf/steer.h.
  enum Action: UInt32 {
    case kernel = 0
    case socket = 1
    case drop = 2
    case group = 3
    case forward = 4
    case back = 5
    case count = 6
  }

  var action: Action
  var members: MemberTable?
  var group: UInt32 = 0
  var isSymmetric = false
  var interface: UInt32 = 0
  var rewrite: Forwarding.Rewrite?
  var decrementsTTL = false

  init(_ action: Action) { self.action = action }
}

import CXDP
import SystemPackage
public import XSK

/// Rules that come back unless those in force are confirmed in time.
struct Unconfirmed {
  let book: RuleBook
  let word: SteeringWord
  /// In ticks: the program itself goes back once they are beyond it.
  let deadline: UInt64
}

extension SteeringProgram {
  /// The rules in force, in the order in which they were added.
  ///
  /// Those before an unconfirmed change whose time is over.
  public var rules: [(id: RuleID, rule: Rule)] { allRules() }

  /// The same, for whoever has the program in an optional.
  package func allRules() -> [(id: RuleID, rule: Rule)] {
    inForce.book.rules.map { ($0.id, $0.rule) }
  }

  /// The rules that the program goes by, also if it went back by itself.
  ///
  /// By this clock it may be two ticks until it does; so it is told to: what is said here holds.
  var inForce: (book: RuleBook, word: SteeringWord) {
    guard isOverdue, let unconfirmed else { return (book, word) }
    object.settings.setRules(unconfirmed.word)
    return (unconfirmed.book, unconfirmed.word)
  }

  /// Changes the rules, all or nothing: each packet sees those before or those after.
  ///
  /// Answers with the numbers of the added rules. What no rule names goes to the kernel. With
  /// `confirmWithin` the program itself goes back to the rules before, unless `confirm` is called
  /// in time: also if the application never runs again. The tables are built where no packet looks
  /// and put in force by one store: 2 to 3 ms for 1,000 rules. What was left is written again
  /// once the kernel says that no packet looks at it, 16 ms as a rule: of changes that follow each
  /// other at once, the eighth waits for that, or an earlier one of more rules than 1,000, or whose
  /// groups have many members.
  /// A rule that is removed and added again in one change keeps its number and its counters.
  ///
  /// Throws `.configuration` for an unknown rule or group, for more than 4,097 rules and while a
  /// change is unconfirmed, and where a veth's peer would not take what is forwarded or sent back;
  /// `.noSuchInterface` or `.interfaceDown` for an interface that is named.
  /// Nothing is changed then.
  @discardableResult
  public mutating func apply(_ change: RuleChange) throws(XDPError) -> [RuleID] {
    try settle()
    guard unconfirmed == nil else {
      throw XDPError(
        .configuration, operation: "change the rules",
        reason: "the change before is not confirmed yet", remedy: "confirm it or roll it back")
    }
    var next = book
    var number = nextRule
    var interfaces = InterfaceNumbers()
    let added = try next.apply(change, next: &number, interfaces: &interfaces)
    try publish(next, confirmWithin: change.confirmWithin)
    nextRule = number
    return added
  }

  /// Replaces all rules: of those that match a packet, the first of the list decides.
  public mutating func setRules(_ list: [Rule]) throws(XDPError) {
    try apply(RuleChange([.removeAll] + list.map { .add($0) }))
  }

  /// Adds a rule behind the others.
  ///
  /// Throws `.configuration` if a rule before it leaves nothing over.
  public mutating func append(_ rule: Rule) throws(XDPError) {
    try settle()
    let first = book.rules.contains { $0.rule.namesAll && $0.rule.priority >= rule.priority }
    if first {
      throw XDPError(
        .configuration, operation: "steer", reason: "a rule before it names every packet",
        remedy: "steer everything last")
    }
    try apply(RuleChange([.add(rule)]))
  }

  /// Makes the change that waits for it final.
  ///
  /// Throws `.configuration` if its time was over: the rules before it are in force then.
  public mutating func confirm() throws(XDPError) {
    try settle()
    guard let before = unconfirmed else {
      throw XDPError(
        .configuration, operation: "confirm the rules",
        reason: "no change waits for it, or its time is over",
        remedy: "look at `rules` for what is in force")
    }
    unconfirmed = nil
    object.settings.clearDeadline()
    leave(before.word)
  }

  /// Undoes the change that waits to be confirmed; nothing happens if none does.
  public mutating func rollBack() {
    guard let before = unconfirmed else { return }
    // In this order: without a deadline what is undone would be in force for a moment.
    object.settings.setRules(before.word)
    object.settings.clearDeadline()
    leave(word)
    var restored = before.book
    restored.goOn(from: book)
    (book, word, unconfirmed) = (restored, before.word, nil)
  }

  /// Whether the time to confirm is over, so that the program went back to the rules before.
  ///
  /// Early by two ticks, as the clocks may differ by that.
  private var isOverdue: Bool {
    guard let unconfirmed, let clock else { return false }
    return Int64(bitPattern: clock.ticks &- unconfirmed.deadline) >= -2
  }

  /// Notes that the program went back to the rules before.
  mutating func settle() throws(XDPError) {
    if isOverdue { rollBack() }
  }

  /// Puts rules in force.
  mutating func publish(
    _ wanted: RuleBook, confirmWithin: Duration? = nil
  ) throws(XDPError) {
    var next = wanted
    let order = next.ranked
    try check(next)
    if confirmWithin != nil { try startClock() }
    // Numbers begin anew: nothing that the cache keeps under one may be taken for another set's. So
    // it is emptied twice on the way, for each number once while it is not in force.
    if nextWord & SteeringWord.lastNumber >> 1 == 0 { engine?.forgetFlows() }
    // One rule that no packet escapes needs no look at the packet.
    let only = next.rules.count == 1 ? next.rules.first?.rule : nil
    let plain = only.flatMap { $0.namesAll && !writesFacts ? $0.action.plain : nil }
    var set: Int?
    if plain == nil && (!order.isEmpty || writesFacts) {
      set = try write(&next, order)
    }
    let following = SteeringWord(
      set: set, defaultAction: plain?.rawValue ?? 0, number: nextWord)
    nextWord = (nextWord + 1) & SteeringWord.lastNumber
    if let confirmWithin, let clock {
      let deadline = clock.ticks &+ clock.ticks(in: confirmWithin)
      unconfirmed = Unconfirmed(book: book, word: word, deadline: deadline)
      // Before the rules: they are in force no moment without it.
      object.settings.setFallback(word, deadline: deadline)
    }
    object.settings.setRules(following)
    // Until a change is confirmed the program may go back to the rules before.
    if confirmWithin == nil { leave(word) }
    (book, word) = (next, following)
  }

  /// No packet comes to these rules any more.
  private mutating func leave(_ word: SteeringWord) {
    if word.asksRules { engine?.leave(word.set) }
  }

  /// Writes the rules' tables where no packet is looking, and answers with their set.
  ///
  /// If there is no room it waits for that of sets that were left.
  private mutating func write(_ next: inout RuleBook, _ order: [Int]) throws(XDPError) -> Int {
    let targets = try targets(of: next)
    if engine == nil { try makeEngine() }
    while true {
      try engine?.freeSets()
      let isInUse = engine?.slotsInUse() ?? []
      book.fold(isInUse) { engine?.counters(of: $0) ?? RuleCounters() }
      next.fold(isInUse) { engine?.counters(of: $0) ?? RuleCounters() }
      // Rules that are not in force, or go on, keep their places: they count until the end.
      var isKept = isInUse
      for slot in book.slots + next.slots { isKept[Int(slot)] = true }
      engine?.keep(isKept)
      var placed = next
      if let set = try place(&placed, targets, order) {
        next = placed
        return set
      }
      if try engine?.waitForSet() != true { throw noRoom }
    }
  }

  /// Gives rules places and writes the tables; nil if there is no room.
  private mutating func place(
    _ next: inout RuleBook, _ targets: [(place: Int, RuleTarget)], _ order: [Int]
  ) throws(XDPError) -> Int? {
    for (place, target) in targets {
      guard let slot = try engine?.place(target, id: next.rules[place].id) else { return nil }
      next.setSlot(slot, of: place)
    }
    let asked = order.filter { !next.rules[$0].pattern.isImpossible }
    let entries = asked.map { place in
      RuleTables.Entry(
        pattern: next.rules[place].pattern, slot: next.rules[place].slot,
        counts: !next.rules[place].rule.action.decides)
    }
    let hashes = writesFacts || next.rules.contains { hashesFlows($0.rule.action) }
    return engine?.write(
      RuleTables(entries, hashesFlows: hashes), slots: next.rules.map(\.slot),
      owners: asked.map { next.rules[$0].id })
  }

  /// Of all that tables take only groups' members can be more than fit beside those in force.
  private var noRoom: XDPError {
    XDPError(
      .configuration, operation: "change the rules",
      reason: "the rules' groups have more than \(RuleCapacity.members) sockets together",
      remedy: "make smaller groups, or fewer rules for them")
  }

  /// Whether the hash of the flow chooses, so that the cache has to tell flows apart.
  private func hashesFlows(_ action: Action) -> Bool {
    let members = action.groups.flatMap { groups[$0]?.members ?? [] }
    return Set(members.map { [Int($0.interface.index), $0.queue] }).count < members.count
  }

  private func check(_ book: RuleBook) throws(XDPError) {
    guard book.rules.count <= RuleCapacity.rules else {
      throw XDPError(
        .configuration, operation: "change the rules",
        reason: "there would be \(book.rules.count) rules, more than \(RuleCapacity.rules)",
        remedy: "join some of them by prefixes or ranges of ports")
    }
    let clauses = book.rules.reduce(0) { $0 + $1.pattern.clauses.count }
    guard clauses <= RuleCapacity.clauses else {
      throw XDPError(
        .configuration, operation: "change the rules",
        reason: "\(clauses) negations and ranges are more than \(RuleCapacity.clauses)",
        remedy: "use fewer of them")
    }
  }
}

extension Action {
  /// What the attached program does by itself, for every packet.
  fileprivate var plain: RuleTarget.Action? {
    switch self {
    case .kernel: .kernel
    case .socket: .socket
    case .drop: .drop
    default: nil
    }
  }
}

import XSK

/// Which sets of tables are taken: those in force, those that may be again, and those that were
/// left but that packets may still be looking at.
///
/// With several of them a change need not wait for the kernel, also if others came before it.
struct RuleSets: ~Copyable {
  /// What a set has.
  private struct Holding {
    /// Of its rules.
    let slots: [UInt32]
    /// Whose each entry is, by rank.
    let owners: [RuleID]
  }

  private var holdings = [Holding?](repeating: nil, count: RuleCapacity.sets)
  /// Those that were left, the first one first; nil beside one where there was no thread to wait.
  private var left: [Int] = []
  // `RuleCapacity.sets` of them.
  private var waits = InlineArray<8, GracePeriod?> { _ in nil }

  /// How many were left and are not free yet.
  var leftCount: Int { left.count }

  /// One that is free.
  var free: Int? { holdings.firstIndex { $0 == nil } }

  mutating func take(_ set: Int, slots: [UInt32], owners: [RuleID]) {
    holdings[set] = Holding(slots: slots, owners: owners)
  }

  func owners(of set: Int) -> [RuleID] { holdings[set]?.owners ?? [] }

  /// All slots of all sets, some of them more than once.
  var slots: [UInt32] { holdings.flatMap { $0?.slots ?? [] } }

  /// From now on no packet comes to the set: waits, beside the caller, until none is looking at it.
  ///
  /// Without `wait` whoever needs the set does.
  mutating func leave(_ set: Int, waiting wait: consuming GracePeriod? = GracePeriod()) {
    left.append(set)
    waits[set] = wait
  }

  /// Frees the set that was left first, if no packet is looking at it any more, and says which.
  ///
  /// Nil if there is none. With `isAwaited` it is waited for.
  mutating func freeFirst(isAwaited: Bool) throws(XDPError) -> Int? {
    guard let set = left.first else { return nil }
    let isKnown = isAnyWaitOver()
    if !isAwaited, !isKnown { return nil }
    let isOver = waits[set].take()?.wait() ?? false
    // There was no thread, or it failed: what is wrong with it is said now.
    if !isOver, !isKnown { try GracePeriod.wait() }
    left.removeFirst()
    holdings[set] = nil
    return set
  }

  /// Whether nobody looks at the first any more: the waits of those behind it began later.
  private mutating func isAnyWaitOver() -> Bool {
    for set in left {
      if waits[set]?.isOver == true { return true }
    }
    return false
  }
}

extension FrameAllocator {
  /// Granules by custody: the frame ledger as the allocator's table has it.
  public struct Ledger: Sendable, Hashable {
    /// Granules of all chunks.
    public var total = 0
    /// With the allocator; the reserve counts as free.
    public var free = 0
    /// With the kernel, to receive into (any holder).
    public var fill = 0
    /// With the application, as received.
    public var received = 0
    /// With the application, allocated or settled.
    public var held = 0
    /// With the kernel, to send (any holder).
    public var transmit = 0
  }

  /// Counts the table.
  ///
  /// Time grows with the memory: for once a second, not for every burst.
  public func ledger() -> Ledger {
    let granules = chunkSize / Self.granule
    var ledger = Ledger(total: custodies.count * granules)
    for number in 0..<custodies.count {
      switch custodies[number] & 0xF {
      case 0: ledger.free += granules
      case 0xE: ledger.received += granules
      case 0xF: ledger.held += granules
      case 4: ledger.fill += granules
      default: ledger.transmit += granules
      }
    }
    return ledger
  }

  /// Frames in custody `custody`.
  ///
  /// Time grows with the memory.
  public func count(in custody: Custody) -> Int {
    var count = 0
    for number in 0..<custodies.count where custodies[number] == custody.rawValue {
      count += 1
    }
    return count
  }

  /// Checks every invariant and names the first broken one; nil if all hold.
  ///
  /// Time grows with the memory.
  public func audit() -> String? {
    var used = [Int](repeating: 0, count: groups.count)
    var free = 0
    for number in 0..<custodies.count {
      let custody = custodies[number]
      guard [0, 4, 5, 0xE, 0xF].contains(custody & 0xF) else {
        return "chunk \(number) has no custody"
      }
      if custody == 0 { free += 1 } else { used[Int(owners[number])] += 1 }
    }
    guard free == freeCount else { return "\(free) chunks are free, the count says \(freeCount)" }
    var isOnStack = [Bool](repeating: false, count: custodies.count)
    for place in 0..<freeCount {
      let number = Int(stack[place])
      guard custodies[number] == 0 else { return "chunk \(number) is on the stack but not free" }
      guard !isOnStack[number] else { return "chunk \(number) is on the stack twice" }
      isOnStack[number] = true
    }
    var debt = 0
    for index in 0..<groups.count {
      let group = groups[index]
      guard group.used == used[index] else {
        return "group \(index) has \(used[index]) chunks, its account says \(group.used)"
      }
      guard group.used <= group.quota else { return "group \(index) is above its quota" }
      debt += max(0, group.guarantee - group.used)
    }
    guard debt == owed else { return "groups are owed \(debt) chunks, the count says \(owed)" }
    guard freeCount >= owed else { return "\(freeCount) free chunks cannot meet \(owed) owed" }
    return nil
  }
}

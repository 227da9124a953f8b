import CXDP
public import XSK

extension SteeringProgram {
  /// What the program did with the packets of one interface, over all CPUs and queues.
  ///
  /// One system call.
  public func counters(of interface: Interface) throws(XDPError) -> SteeringCounters {
    guard let port = port(interface) else { return SteeringCounters() }
    var key = UInt32(port.number)
    var words = [UInt64](repeating: 0, count: SteeringCounters.wordCount * cpuCount)
    // The kernel writes eight words for each possible CPU.
    let result = unsafe bpf_map_lookup_elem(object.counters, &key, &words)
    guard result == 0 else { throw mapError("read the counters of \(interface.name)", result) }
    // And those of the program with rules, from when the first came.
    return SteeringCounters(words + (engine?.counters(ofPort: port.number) ?? []))
  }

  /// A port starts from zero, also when another interface had its number before.
  func resetCounters(_ number: Int) {
    var key = UInt32(number)
    let zeros = [UInt64](repeating: 0, count: SteeringCounters.wordCount * cpuCount)
    // The kernel reads eight words for each possible CPU.
    _ = unsafe bpf_map_update_elem(object.counters, &key, zeros, 0)
    engine?.resetCounters(ofPort: number)
  }

  /// Possible CPUs, for each of which the kernel reads and writes a value.
  private var cpuCount: Int { max(1, Int(libbpf_num_possible_cpus())) }

  /// What a rule has named since it was added; nil if there is no such rule, or if it is the only
  /// one and names every packet: then no packet is looked at, and `counters(of:)` of the interfaces
  /// says it all.
  ///
  /// No system call.
  public func counters(of rule: RuleID) -> RuleCounters? {
    let (inForce, word) = inForce
    guard let stored = inForce[rule], stored.slot != 0 || word.asksRules else { return nil }
    var sum = stored.carried
    // Where the program went back by itself, also those that the undone change's rule counted.
    let slots = Set(stored.earlier + [stored.slot, book[rule]?.slot ?? 0])
    for slot in slots where slot != 0 {
      if let counted = engine?.counters(of: slot) { sum.add(counted) }
    }
    if sum.packets > 0, let clock { sum.lastSeen = clock.age(of: sum.lastTick) }
    return sum
  }
}

import CXDP
import SystemPackage
public import XSK

extension SteeringProgram {
  /// Replaces all rules.
  ///
  /// Of several rules that match a packet the first decides; what none names goes to the kernel.
  ///
  /// Atomic: the new rules are written where no packet looks, then put in force by one store. From
  /// the second change on it waits until no packet looks at the place that is to be written (some
  /// 10 ms). Throws `.configuration` if there are more than 64 rules before one that names
  /// everything.
  public mutating func setRules(_ list: [Rule]) throws(XDPError) {
    let next = try RuleSet(list)
    if otherPlaceWasUsed { try waitForPackets() }
    let other = 1 - place
    for (index, entry) in next.entries.enumerated() { try write(entry, at: index, of: other) }
    object.settings.setRules(next.word(place: other))
    (rules, place, otherPlaceWasUsed) = (next, other, !rules.entries.isEmpty)
  }

  /// Adds a rule behind the others.
  ///
  /// The entry is written first, then the count that makes it valid. Has no effect behind a rule
  /// that names everything.
  public mutating func append(_ rule: Rule) throws(XDPError) {
    var next = rules
    try next.append(rule)
    if next.entries.count > rules.entries.count, let entry = next.entries.last {
      try write(entry, at: rules.entries.count, of: place)
    }
    object.settings.setRules(next.word(place: place))
    rules = next
  }

  func write(_ entry: RuleEntry, at index: Int, of place: UInt32) throws(XDPError) {
    var key = place * UInt32(RuleSet.capacity) + UInt32(index)
    let bytes = entry.bytes
    // The kernel reads four and `RuleEntry.size` bytes, and the entry has just that many.
    let result = unsafe bytes.withUnsafeBytes {
      unsafe bpf_map_update_elem(object.rules, &key, $0.baseAddress, 0)
    }
    guard result == 0 else { throw mapError("write a rule", result) }
  }

  /// Waits until every packet that the program is looking at is done with.
  ///
  /// The kernel promises this to whoever changes a map of maps, so that the old inner map is free.
  private func waitForPackets() throws(XDPError) {
    var inner = object.rules
    let outer = unsafe cxdp_create_map(
      BPF_MAP_TYPE_ARRAY_OF_MAPS, "martlet_wait", 4, 4, 1, 0, inner)
    guard outer >= 0 else { throw mapError("change the rules", outer) }
    defer { try? FileDescriptor(rawValue: outer).close() }
    var key: UInt32 = 0
    let result = unsafe bpf_map_update_elem(outer, &key, &inner, 0)
    guard result == 0 else { throw mapError("change the rules", result) }
  }

  func mapError(_ operation: String, _ result: Int32) -> XDPError {
    let code = Errno(rawValue: -result)
    return XDPError(
      code == .notPermitted ? .notPermitted : .system, operation: operation,
      reason: "the kernel refuses the map's change: \(code)",
      remedy: "run with CAP_BPF and CAP_NET_ADMIN", errno: code)
  }
}

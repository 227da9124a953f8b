import Martlet

/// Says on standard error where nobody can see whether forwarded packets will arrive.
enum ForwardNotes {
  /// A line for each interface that rules forward to, whose cable ends in another network namespace
  /// and of which the kernel says nothing: the steering program refuses a bad end only where it
  /// sees it or is told.
  static func print(for rules: [Rule]) {
    var seen: Set<String> = []
    for rule in rules {
      guard case .forward(let forwarding) = rule.action else { continue }
      let name = forwarding.interface.name
      guard seen.insert(name).inserted, let interface = try? Interface(named: name),
        let peer = try? interface.cablePeer(), peer == .elsewhere,
        (try? interface.capabilities())?.features.contains(.basic) != true
      else { continue }
      Terminal.note(
        "forward to \(name): its peer is in another network namespace and cannot be checked; "
          + "without a native XDP program or GRO there, all is lost")
    }
  }
}

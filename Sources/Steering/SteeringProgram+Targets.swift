import SystemPackage
public import XSK

extension SteeringProgram {
  /// Gives sockets a name that rules steer to.
  ///
  /// A packet goes to a member that belongs to the queue on which it arrived; if there are several,
  /// the hash of its flow chooses. Where rules steer to the group already they steer to the new
  /// members at once, for all packets or none. Throws `.configuration` while a change is
  /// unconfirmed, if the rules before or after it steer to the group.
  public mutating func setGroup(_ name: String, _ members: [SocketSlot]) throws(XDPError) {
    let before = groups[name]
    let number = before?.number ?? UInt32(groups.count + 1)
    groups[name] = SocketGroup(number: number, members: members)
    do throws(XDPError) {
      try renewGroups { $0 == name }
    } catch {
      groups[name] = before
      throw error
    }
  }

  /// The number that stands for a group in the facts of its packets; nil if there is no such group.
  public func number(ofGroup name: String) -> UInt32? { groups[name]?.number }

  /// Puts the rules that steer to groups in force anew.
  mutating func renewGroups(_ isMeant: (String) -> Bool) throws(XDPError) {
    try settle()
    var next = book
    var isNeeded = false
    for place in next.rules.indices
    where next.rules[place].rule.action.groups.contains(where: isMeant) {
      next.renew(place)
      isNeeded = true
    }
    let before = unconfirmed?.book.rules ?? []
    let wasNeeded = before.contains { $0.rule.action.groups.contains(where: isMeant) }
    guard isNeeded || wasNeeded else { return }
    guard unconfirmed == nil else {
      throw XDPError(
        .configuration, operation: "change a group",
        reason: "a change of rules is not confirmed yet",
        remedy: "confirm it or roll it back")
    }
    try publish(next)
  }

  /// What becomes of the packets of each rule that has no slot yet.
  func targets(of book: RuleBook) throws(XDPError) -> [(place: Int, RuleTarget)] {
    var targets: [(Int, RuleTarget)] = []
    var interfaces = InterfaceNumbers()
    var checked: Set<UInt32> = []
    let added = book.rules.filter { $0.slot == 0 }.map(\.rule)
    for port in ports { try checkSendingBack(by: added, port.interface, port.mode) }
    for (place, stored) in book.rules.enumerated() where stored.slot == 0 {
      targets.append((place, try target(of: stored.rule.action, &interfaces, &checked)))
    }
    return targets
  }

  private func target(
    of action: Action, _ interfaces: inout InterfaceNumbers, _ checked: inout Set<UInt32>
  ) throws(XDPError) -> RuleTarget {
    switch action {
    case .kernel: return RuleTarget(.kernel)
    case .socket: return RuleTarget(.socket)
    case .drop: return RuleTarget(.drop)
    case .count: return RuleTarget(.count)
    case .back: return RuleTarget(.back)
    case .group(let name): return try target(of: [name], .directed)
    case .sockets(let names, let kind): return try target(of: names, kind)
    case .forward(let forwarding):
      var target = RuleTarget(.forward)
      target.interface = try interfaces.number(of: forwarding.interface)
      target.rewrite = forwarding.rewrite
      target.decrementsTTL = forwarding.decrementsTTL
      if checked.insert(target.interface).inserted {
        try checkForwarding(to: forwarding.interface)
      }
      return target
    }
  }

  private func target(of names: [String], _ kind: FlowHashKind) throws(XDPError) -> RuleTarget {
    var target = RuleTarget(.group)
    var members: [SocketSlot] = []
    for name in names {
      guard let group = groups[name] else {
        let known = groups.keys.sorted().joined(separator: ", ")
        throw XDPError(
          .configuration, operation: "change the rules", reason: "there is no group \(name)",
          remedy: known.isEmpty
            ? "name its sockets first" : "name its sockets first, or use \(known)")
      }
      members += group.members
      target.group = names.count == 1 ? group.number : 0
    }
    target.isSymmetric = kind == .symmetric
    target.members = MemberTable(members) { member in
      port(member.interface).map { $0.sockets.lowerBound + member.queue }
    }
    return target
  }

  /// Whether what the kernel forwards to an interface will arrive.
  private func checkForwarding(to name: InterfaceName) throws(XDPError) {
    let operation = "forward to \(name.name)"
    let interface = try Interface(named: name.name)
    let state = interface.state()
    guard state != .gone else { throw interface.gone(operation, .noSuchAddressOrDevice) }
    guard state != .down else {
      throw XDPError(
        .interfaceDown, operation: operation, reason: "the interface is down",
        remedy: "ip link set dev \(name.name) up")
    }
    // Before anything is attached some drivers would not say yet what they will take.
    if ports.contains(where: { $0.mode == .native }) { try checkTakingFrames(interface) }
  }

  /// Whether an interface takes frames that native programs of others forward to it.
  ///
  /// A driver that takes none loses them without a count. Since Linux 6.3 the kernel says which
  /// takes them, of a veth also where its peer cannot be seen; some do while they have a program of
  /// their own. In generic mode the stack sends, as it sends everything.
  private func checkTakingFrames(_ interface: Interface) throws(XDPError) {
    let operation = "forward to \(interface.name)"
    let features = (try? interface.capabilities())?.features
    if features?.contains(.redirectTarget) == true { return }
    guard interface.driver() == "veth" else {
      guard features != nil else { return }
      throw XDPError(
        .configuration, operation: operation,
        reason: "its driver takes no frames of other interfaces' XDP programs, and would lose all",
        remedy: "attach an XDP program to it, which some drivers want, or use generic mode")
    }
    let peer = interface.peer
    // One whose peer has more queues says nothing of itself, nor do older kernels.
    if features?.contains(.basic) != true {
      guard let peer, !peer.hasGRO else { return }
      if let present = try PresentProgram(on: peer), present.mode == .native { return }
    }
    // It hands frames over only to a peer that polls.
    let name = peer.map { "its peer \($0.name)" } ?? "its peer in another network namespace"
    throw XDPError(
      .configuration, operation: operation,
      reason: "\(name) has neither a native XDP program nor GRO, and would lose all",
      remedy: peer.map { "ethtool -K \($0.name) gro on" } ?? "turn GRO on there (ethtool -K)")
  }

  /// Whether what rules send back from an interface will arrive.
  ///
  /// A veth wakes its peer for them only if that has a native XDP program, with GRO or without;
  /// otherwise they lie in the peer's ring. A peer in another network namespace cannot be asked.
  func checkSendingBack(
    by rules: [Rule], _ interface: Interface, _ mode: AttachMode
  ) throws(XDPError) {
    let isMeant = rules.contains { rule in
      rule.action == .back && rule.match.interface.map { $0.concerns(interface) } ?? true
    }
    // In generic mode the stack sends, as it sends everything.
    guard isMeant, mode == .native, let peer = interface.peer else { return }
    if let present = try PresentProgram(on: peer), present.mode == .native { return }
    throw XDPError(
      .configuration, operation: "send back on \(interface.name)",
      reason: "its peer \(peer.name) has no native XDP program, and is not woken for packets",
      remedy: "attach an XDP program to \(peer.name), or to \(interface.name) in generic mode")
  }
}

extension Action {
  /// The groups that it steers to.
  var groups: [String] {
    switch self {
    case .group(let name): [name]
    case .sockets(let names, _): names
    default: []
    }
  }
}

extension Condition<InterfaceName> {
  /// Whether packets that arrive on an interface may meet it.
  fileprivate func concerns(_ interface: Interface) -> Bool {
    let isNamed = value.index.map { $0 == interface.index } ?? (value.name == interface.name)
    return isNamed != isNegated
  }
}

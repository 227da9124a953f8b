extension Engine {
  /// Changes the steering rules, all or nothing: each packet sees those before or those after.
  ///
  /// Answers with the numbers of the added rules. `steer` and `leaveToKernel` add rules to the same
  /// set. Throws if nothing is bound yet, and what `SteeringProgram.apply` throws.
  @discardableResult
  public mutating func apply(_ change: RuleChange) throws(XDPError) -> [RuleID] {
    try requireSteering("change the rules")
    let added = try control.steering?.apply(change) ?? []
    // The first rule exchanges the program, and a driver may forget its queues over that.
    try control.queues.repeatSettings()
    return added
  }

  /// Makes the change that waits for it final.
  public mutating func confirmRules() throws(XDPError) {
    try requireSteering("confirm the rules")
    try control.steering?.confirm()
  }

  /// Undoes the change that waits to be confirmed; nothing happens if none does.
  public mutating func rollBackRules() { control.steering?.rollBack() }

  /// The rules in force, in the order in which they were added.
  public var rules: [(id: RuleID, rule: Rule)] { control.steering?.allRules() ?? [] }

  /// What a rule has named since it was added; nil for a rule that is not there, and for one that
  /// names every packet before all others, so that no packet is looked at.
  public func counters(of rule: RuleID) -> RuleCounters? { control.steering?.counters(of: rule) }

  /// Which rule decides about a packet that arrives at a port, and why the others do not.
  public func explain(_ packet: [UInt8], at port: Port) throws(XDPError) -> Explanation {
    try requireSteering("explain a packet")
    ports.check(port.index)
    let binding = control.bindings[port.index]
    let explanation = try control.steering?.explain(
      packet, interface: binding.interface, queue: binding.queue)
    return explanation ?? Explanation(winner: nil, action: .kernel, rules: [])
  }

  /// Gives ports a name that rules steer to.
  ///
  /// A packet goes to the port among them that stands on the queue it arrived on.
  public mutating func setGroup(_ name: String, ports members: [Port]) throws(XDPError) {
    try requireSteering("name a group of ports")
    var slots: [SocketSlot] = []
    for port in members {
      ports.check(port.index)
      let binding = control.bindings[port.index]
      let slot = try control.steering?.slot(interface: binding.interface, queue: binding.queue)
      if let slot { slots.append(slot) }
    }
    try control.steering?.setGroup(name, slots)
  }

  /// Sends everything to the kernel while the application hangs; nil turns that off.
  ///
  /// If `wait` is not called for longer than `limit`, all packets of the engine's interfaces go to
  /// the kernel until it is called again. An idle application beats too: `wait` sleeps at most half
  /// of the limit.
  public mutating func setHeartbeat(_ limit: Duration?) throws(XDPError) {
    try requireSteering("set a heartbeat")
    try control.steering?.setHeartbeat(limit)
    control.longestSleep = limit.map { $0 / 2 }
  }

  func requireSteering(_ operation: String) throws(XDPError) {
    if control.steering != nil { return }
    throw XDPError(
      .configuration, operation: operation, reason: "no interface is bound",
      remedy: "bind a port first")
  }
}

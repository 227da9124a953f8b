extension Engine {
  /// Changes the steering rules, all or nothing: each packet sees those before or those after.
  ///
  /// Answers with the numbers of the added rules. `steer` and `leaveToKernel` add rules to the same
  /// set, and so do the other engines of a shared memory: they have the same rules. Throws if
  /// nothing is bound yet, and what `SteeringProgram.apply` throws.
  @discardableResult
  public mutating func apply(_ change: RuleChange) throws(XDPError) -> [RuleID] {
    try control.steering.shared.with { state throws(XDPError) in
      let added = try state.withProgram("change the rules") { program throws(XDPError) in
        try program.apply(change)
      }
      // The first rule exchanges the program, and a driver may forget its queues over that.
      try state.queues.repeatSettings()
      return added
    }
  }

  /// Makes the change that waits for it final.
  public mutating func confirmRules() throws(XDPError) {
    try steering("confirm the rules") { program throws(XDPError) in try program.confirm() }
  }

  /// Undoes the change that waits to be confirmed; nothing happens if none does.
  ///
  /// Throws if nothing is bound yet.
  public mutating func rollBackRules() throws(XDPError) {
    try steering("roll the rules back") { $0.rollBack() }
  }

  /// The rules in force, in the order in which they were added.
  public var rules: [(id: RuleID, rule: Rule)] {
    control.steering.shared.with { $0.program?.allRules() ?? [] }
  }

  /// What a rule has named since it was added; nil for a rule that is not there, and for one that
  /// names every packet and is the only one, so that no packet is looked at.
  public func counters(of rule: RuleID) -> RuleCounters? {
    control.steering.shared.with { $0.program?.counters(of: rule) }
  }

  /// Which rule decides about a packet that arrives at a port, and why the others do not.
  ///
  /// The port may be another engine's of a shared memory.
  public func explain(_ packet: [UInt8], at port: Port) throws(XDPError) -> Explanation {
    checkShared(port)
    return try control.steering.shared.with { state throws(XDPError) in
      let seat = try state.seat(of: port, "explain a packet")
      return try state.withProgram("explain a packet") { program throws(XDPError) in
        try program.explain(packet, interface: seat.interface, queue: seat.queue)
      }
    }
  }

  /// Gives ports a name that rules steer to.
  ///
  /// A packet goes to the port among them that stands on the queue it arrived on. They may be ports
  /// of several engines of a shared memory.
  public mutating func setGroup(_ name: String, ports members: [Port]) throws(XDPError) {
    for port in members { checkShared(port) }
    try control.steering.shared.with { state throws(XDPError) in
      var seats: [SteeringState.Seat] = []
      for port in members { seats.append(try state.seat(of: port, "name a group of ports")) }
      try state.withProgram("name a group of ports") { program throws(XDPError) in
        var slots: [SocketSlot] = []
        for seat in seats {
          slots.append(try program.slot(interface: seat.interface, queue: seat.queue))
        }
        try program.setGroup(name, slots)
      }
    }
  }

  /// Sends everything to the kernel while the application hangs; nil turns that off.
  ///
  /// If `wait` is not called for longer than `limit`, all packets of the engine's queues go to the
  /// kernel until it is called again. An idle application beats too: `wait` sleeps at most half
  /// of the limit. It holds for all engines of a shared memory, each for its own queues: where one
  /// hangs the others go on.
  public mutating func setHeartbeat(_ limit: Duration?) throws(XDPError) {
    try control.steering.shared.with { state throws(XDPError) in try state.setHeartbeat(limit) }
    try control.renewHeart()
  }

  /// Works with the steering program, alone.
  func steering<R: Sendable>(
    _ operation: String, _ body: (inout SteeringProgram) throws(XDPError) -> R
  ) throws(XDPError) -> R {
    try control.steering.shared.with { state throws(XDPError) in
      try state.withProgram(operation, body)
    }
  }

  /// Traps if neither this engine nor one that it shares memory with has the port.
  func checkShared(_ port: Port) {
    let isSeated = control.steering.shared.with { $0.seats[port.index] != nil }
    if !isSeated { ports.check(port.index) }
  }
}

extension Engine {
  /// Gives a flow the queue that `port` stands on, by what its interface offers (`QueueSteering`),
  /// so that the flow's packets land in pages of the port's group and nothing else does, as far as
  /// that reaches.
  ///
  /// `apart` names flows that must not share a bucket of the NIC's hash with it. What the interface
  /// was like before is put back when the engine goes, after a crash by the next one. Throws if the
  /// port is in memory, and what `QueueSteering.steer` throws.
  @discardableResult
  public mutating func place(
    _ flow: FlowKey, on port: Port, apart: [FlowKey] = []
  ) throws(XDPError) -> Placement {
    ports.check(port.index)
    let binding = control.bindings[port.index]
    guard binding.interface.index != 0 else {
      throw XDPError(
        .configuration, operation: "give a flow a queue", reason: "the port is in memory",
        remedy: "bind a queue of an interface")
    }
    return try control.steering.shared.with { state throws(XDPError) in
      try state.queues.steer(flow, to: binding, port: port.index, apart: apart)
    }
  }

  /// Lets a flow that was given the queue of `port` go where all others go.
  public mutating func unplace(_ flow: FlowKey, from port: Port) throws(XDPError) {
    ports.check(port.index)
    let interface = control.bindings[port.index].interface
    try control.steering.shared.with { state throws(XDPError) in
      try state.queues.unsteer(flow, from: interface)
    }
  }

  /// How pure the pages of a flow group are, how that is brought about, and why it is no better.
  ///
  /// Traps if the engine has no such group.
  public func placement(of group: FlowGroup) -> Placement {
    if group == .shared {
      return .shared(reason: "its pages hold the packets of every flow that has no group")
    }
    if control.configuration.groups[group.index].isIsolated {
      return .isolated(reason: "each of its packets has pages of its own, which change hands whole")
    }
    let placements = ports.indices.filter { ports[$0].group == group }.map { placement(at: $0) }
    return Placement.weakest(of: placements)
      ?? .isolated(reason: "no queue is its own: packets get into its pages by a copy")
  }

  /// How pure what a port of a group of its own receives is.
  private func placement(at index: Int) -> Placement {
    let binding = control.bindings[index]
    let placements = control.steering.shared.with { $0.queues.placements(of: index) }
    return Placement.weakest(of: placements)
      ?? .steered(
        .bucket,
        reason: "queue \(binding.queue) of \(binding.interface.name) is its own, and gets whatever"
          + " the interface puts there: no flow was given the queue")
  }
}

extension ExportPlacement {
  /// What a group's placement means for its export.
  ///
  /// `isClosedWorld` declares that nothing else can reach the group's queues; `copies` allows
  /// copies into the arena.
  public init(_ placement: Placement, isClosedWorld: Bool = false, copies: Bool = false) {
    self =
      switch placement {
      case .steered(.exact, _): .exact
      case .steered(.bucket, _): .bucket(isClosedWorld: isClosedWorld)
      case .isolated: .isolated(copies: copies)
      case .shared(let reason): .shared(reason: reason)
      }
  }
}

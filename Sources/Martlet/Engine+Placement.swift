extension Engine {
  /// Gives a flow the queue that `port` stands on, by what its interface offers (`QueueSteering`),
  /// so that the flow's packets land in pages of the port's group and nothing else does, as far as
  /// that reaches.
  ///
  /// `apart` names flows that must not share a bucket of the NIC's hash with it; a flow that has
  /// the queue exactly keeps it as it is. What the interface was like before is put back when the
  /// engine goes, after a crash by the next one.
  ///
  /// A port in zero copy of a group with an arena of its own, on a NIC with filters, receives
  /// nothing before a flow is placed on it or the engine first waits or receives: flows that are
  /// placed before that have the group's pages to themselves. Throws if the port is in memory,
  /// `.notExportable` or `.unsupported` if strangers could come into pages that a process has, and
  /// what `QueueSteering.steer` throws.
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
    let arenas = exports.arenas
    let isEmpty = ports[port.index].isEmpty
    let placement = try control.steering.shared.with { state throws(XDPError) in
      try state.queues.place(
        flow, on: binding, port: port.index, apart: apart, isEmpty: isEmpty, arenas)
    }
    if isEmpty { stock(port.index) }
    return placement
  }

  /// Lets a flow that was given the queue of `port` go where all others go.
  ///
  /// Throws `.notExportable` if strangers could come into pages that a process has, and what
  /// `QueueSteering.unsteer` throws.
  public mutating func unplace(_ flow: FlowKey, from port: Port) throws(XDPError) {
    ports.check(port.index)
    let interface = control.bindings[port.index].interface
    let arenas = exports.arenas
    try control.steering.shared.with { state throws(XDPError) in
      try state.queues.unplace(flow, from: interface, arenas)
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
    if let placement = control.steering.shared.with({ $0.placement(of: group) }) {
      return placement
    }
    guard ports.indices.contains(where: { ports[$0].group == group && !ports[$0].isRetired }) else {
      return .isolated(reason: "no queue is its own: packets get into its pages by a copy")
    }
    return .steered(.bucket, reason: "its ports are in memory, where anything may come")
  }
}

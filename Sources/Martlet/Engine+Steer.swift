extension Engine {
  /// Steers the packets that match to a port: those that arrive on its interface and queue.
  ///
  /// The port may be another engine's of a shared memory.
  /// Rules are asked in the order they were given; the first that matches decides. What no rule
  /// names goes to the kernel. Throws if the port is in memory or there are more rules than the
  /// program holds.
  public mutating func steer(_ match: Match, to port: Port) throws(XDPError) {
    checkShared(port)
    let seat = try control.steering.shared.with { state throws(XDPError) in
      try state.seat(of: port, "steer packets")
    }
    try append(Rule(match, .socket, interface: seat.interface, queue: seat.queue))
  }

  /// Steers the packets that match to whichever port stands on the queue they arrive on.
  public mutating func steer(_ match: Match) throws(XDPError) {
    try append(Rule(match, .socket))
  }

  /// Leaves the packets that match to the kernel, before later rules can take them.
  public mutating func leaveToKernel(_ match: Match) throws(XDPError) {
    try append(Rule(match, .kernel))
  }

  private mutating func append(_ rule: Rule) throws(XDPError) {
    try control.steering.shared.with { state throws(XDPError) in
      try state.withProgram("steer packets") { program throws(XDPError) in
        try program.append(rule)
      }
      // As in `apply`.
      try state.queues.repeatSettings()
    }
  }
}

extension Engine {
  /// Whether the interface of a port is up, down or gone, as `wait` saw it last.
  ///
  /// No system call: cheap enough to be asked after every burst.
  public func linkState(of port: Port) -> LinkState {
    ports.check(port.index)
    return control.bindings[port.index].state
  }

  /// What a port is and what went through it so far.
  ///
  /// One system call.
  public func report(of port: Port) -> PortReport {
    ports.check(port.index)
    let binding = control.bindings[port.index]
    let counters = ports[port.index].counters
    let rings = ports[port.index].uncounted(with: lanes[port.index])
    let kernel = ports[port.index].socket.statistics()
    var report = PortReport(
      interface: binding.interface.name, queue: binding.queue, mode: binding.mode,
      modeReason: binding.reason, attachment: binding.attachment,
      capabilities: binding.capabilities, state: binding.state)
    report.facts = ports[port.index].facts
    report.polling = binding.polling
    report.received.packets = counters.receivedPackets &+ UInt64(rings.received)
    report.received.bytes = lanes[port.index].receivedBytes
    report.sent.packets = counters.sentPackets &+ UInt64(rings.sent)
    report.sent.bytes = lanes[port.index].sentBytes
    report.dropped.verdict = counters.dropVerdict
    report.dropped.transmitFull = counters.dropTransmitFull
    report.dropped.quota = counters.dropQuota
    report.dropped.broken = counters.dropBroken
    report.dropped.interfaceGone = counters.dropPortGone
    report.untrusted = counters.untrusted
    if let kernel { report.note(kernel) }
    return report
  }
}

/// What became of the packets of all workers of a crew, and where every frame is.
public struct CrewReport: Sendable {
  /// Every port's, in the order of the interfaces and of their queues.
  public var ports: [PortReport]
  /// Of the memory that they share.
  public var frames: FrameLedger
}

extension Crew {
  /// What went through all workers, and where every frame is.
  ///
  /// Waits for threads that run: for after `run` or `join`.
  public mutating func report() -> CrewReport {
    // What one worker let go of and another owns comes home in one round.
    for _ in 0..<2 {
      first.engine.collectFrames()
      for mate in mates { mate.with { $0.collectFrames() } }
    }
    let shares = mates.map { $0.with { $0.ledgerShare() } }
    var reports: [Port: PortReport] = [:]
    for port in first.engine.allPorts { reports[port] = first.engine.report(of: port) }
    for mate in mates {
      let theirs = mate.with { engine in
        engine.allPorts.map { (port: $0, report: engine.report(of: $0)) }
      }
      for (port, report) in theirs { reports[port] = report }
    }
    return CrewReport(
      ports: ports.compactMap { reports[$0] }, frames: first.engine.ledger(with: shares))
  }
}

extension Engine {
  /// Sends home what is another engine's, and takes in what others sent.
  mutating func collectFrames() { allocator.collect() }

  /// Every port of an interface that this engine and those it shares memory with have, by number.
  public var sharedPorts: [(port: Port, queue: QueueName)] {
    control.steering.shared.with { state in
      state.seats.sorted { $0.key < $1.key }.map { number, seat in
        (Port(index: number), QueueName(seat.interface.name, queue: seat.queue))
      }
    }
  }
}

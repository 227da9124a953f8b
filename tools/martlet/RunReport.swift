import Martlet

/// What a run has to show: every port, and where every frame is.
struct RunReport {
  /// From when everything was up until the traffic stopped.
  var duration: Duration
  var ports: [PortReport]
  var frames: FrameLedger
  /// What the application saw of the rules, if it looked.
  var seenRules: SeenRules?

  /// What a crew has to show.
  init(_ report: CrewReport, duration: Duration) {
    self.duration = duration
    ports = report.ports
    frames = report.frames
  }

  /// Reads the counters and the ledger of an engine.
  init(of engine: borrowing Engine, duration: Duration) {
    self.duration = duration
    ports = engine.allPorts.map { engine.report(of: $0) }
    frames = engine.ledger()
  }

  /// Whether no frame was lost or is in two places.
  var isConserved: Bool {
    frames.isConserved && frames.total == frames.parts.reduce(0) { $0 + $1.granules }
  }
}

extension FrameLedger {
  /// Its parts, in granules of 64 bytes, by name.
  var parts: [(name: String, granules: Int)] {
    [
      ("free", free), ("fill", fill), ("received", received), ("held", held),
      ("transmit", transmit), ("completion", completion),
    ]
  }
}

extension PortReport.Drops {
  /// Every cause of drops, by name.
  var causes: [(name: String, packets: UInt64)] {
    [
      ("rx_ring_full", receiveRingFull), ("fill_empty", fillEmpty), ("tx_full", transmitFull),
      ("tx_invalid", transmitInvalid), ("too_long", tooLong), ("verdict", verdict),
      ("quota", quota), ("broken", broken), ("interface_gone", interfaceGone),
    ]
  }
}

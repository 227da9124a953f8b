import Martlet
import MartletTestKit

/// Sending.
extension Lane {
  /// Every packet comes back with its addresses exchanged.
  func reflect() throws -> Outcome {
    var engine = try Engine(configuration(.transparent))
    let port = try bind(&engine)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    var forwarder = Forwarder(engine, port)
    var outcome = Outcome(packets: 320)
    for start in stride(from: 0, to: outcome.packets, by: 32) {
      let frames = (start..<start + 32).map {
        Numbered.frame($0, byteCount: 60 + ($0 &* 89) % 1450)
      }
      try tap.send(frames)
      let wanted = frames.map { Array($0[6..<12] + $0[0..<6] + $0[12...]) }
      let back = try forwarder.collect(32, by: tap) { $0.swapAddresses() }
      outcome.delivered += back.count
      outcome.corrupt += zip(back, wanted).filter { $0 != $1 }.count
    }
    outcome.note = "addresses exchanged in place"
    return try outcome.held()
  }

  /// From one NIC to the other and back, from the bytes that the first one wrote.
  func forward() throws -> Outcome {
    var forwarder = try Forwarder(
      Self.nic, Self.secondNIC, mode: mode, configuration: configuration(.transparent))
    let ports = forwarder.engine.allPorts
    for port in ports {
      let report = forwarder.engine.report(of: port)
      try demand(report.mode == (hasZeroCopy ? .zeroCopy : .copy), "\(report.mode.rawValue)")
    }
    let taps = try [PacketTap(Self.peer), PacketTap(Self.secondPeer)]
    try forwarder.warmUp(from: taps[0], to: taps[1])
    try forwarder.warmUp(from: taps[1], to: taps[0])
    var outcome = Outcome()
    for (from, to) in [(taps[0], taps[1]), (taps[1], taps[0])] {
      for start in stride(from: 0, to: 320, by: 32) {
        let frames = (start..<start + 32).map {
          Numbered.frame($0, byteCount: 60 + ($0 &* 83) % 1450)
        }
        try from.send(frames)
        let there = try forwarder.collect(32, by: to) { _ in }
        outcome.packets += 32
        outcome.delivered += there.count
        outcome.corrupt += zip(there, frames).filter { $0 != $1 }.count
      }
    }
    try forwarder.engine.demandConserved()
    outcome.note = "in order, both directions"
    return try outcome.held()
  }

  /// What is too long for a chunk cannot be had in zero copy, and the report says whose fault it
  /// is.
  func multiBuffer() throws -> Outcome {
    var configuration = Engine.Configuration()
    configuration.takesFragments = true
    var engine = try Engine(configuration)
    let error = try refusal("zero copy with multi-buffer") { () throws(XDPError) in
      _ = try engine.bind(Self.nic, queue: 0, mode: .zeroCopy)
    }
    let driver = try Interface(named: Self.nic).driver() ?? "?"
    try demand(
      error.kind == .modeRefused && error.reason.contains("driver \(driver)"), "\(error)")
    guard hasFragments else { return Outcome(note: error.reason) }
    let port = try engine.bind(Self.nic, queue: 0)
    let report = engine.report(of: port)
    try demand(
      report.mode == .copy && report.modeReason.contains("driver \(driver)"),
      "\(report.mode.rawValue): \(report.modeReason)")
    return Outcome(note: "\(error.reason); auto: copy")
  }

  /// Whether the kernel has packets of several fragments at all.
  private var hasFragments: Bool { KernelVersion.running >= KernelVersion(6, 6) }
}

extension Forwarder {
  /// Turns until so many numbered packets came out at the tap, or time is up.
  mutating func collect(
    _ count: Int, by tap: PacketTap, _ change: (inout Packet) -> Void
  ) throws -> [[UInt8]] {
    var frames: [[UInt8]] = []
    let end = ContinuousClock.now + Lane.patience
    while frames.count < count, ContinuousClock.now < end,
      try engine.wait(timeout: .milliseconds(5))
    {
      turn { packet in
        change(&packet)
        return .forward
      }
      engine.flush()
      frames += try tap.receive(count - frames.count, timeout: .zero) { $0[12] == 0x88 }
    }
    return frames
  }

  /// Sends a frame again and again until one comes out at the other end, and takes all of them.
  mutating func warmUp(from: PacketTap, to: PacketTap) throws {
    let end = ContinuousClock.now + Lane.patience
    var isReady = false
    while !isReady, ContinuousClock.now < end {
      try from.send(Numbered.frame(0, byteCount: 60))
      for _ in 0..<5 where try engine.wait(timeout: .milliseconds(5)) { turn { _ in .forward } }
      isReady = try to.receive(timeout: .zero) != nil
    }
    try demand(isReady, "nothing is forwarded")
    for _ in 0..<10 where try engine.wait(timeout: .milliseconds(5)) { turn { _ in .forward } }
    engine.flush()
    while try to.receive(timeout: .milliseconds(20)) != nil {}
  }
}

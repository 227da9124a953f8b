import Martlet
import MartletTestKit

/// Fetching packets from the driver, whose interrupts are deferred meanwhile.
extension Lane {
  /// An engine that polls gets every packet without the interrupts that one that spins has.
  func busyPoll() throws -> Outcome {
    var outcome = Outcome(packets: 1000)
    let spinning = try interrupts(of: 500, &outcome) { $0.isSpinning = true }
    let polling = try interrupts(of: 500, &outcome) { $0.isBusyPolling = true }
    outcome.note =
      "interrupts of the NIC for 500 packets: \(spinning.count) while an engine spins, "
      + "\(polling.count) while it polls (\(polling.state))"
    guard hasZeroCopy else { return try outcome.held() }
    let driver = try Interface(named: Self.simple.nic).driver() ?? ""
    // A driver need not tell the kernel which of its parts serves which queue; these do.
    let isDeferred = if case .deferred = polling.state { true } else { false }
    try demand(isDeferred || !["virtio_net", "igb"].contains(driver), outcome.note)
    // QEMU's igb interrupts all the same.
    if driver == "virtio_net" {
      try demand(polling.count < 50 && spinning.count > 2 * polling.count, outcome.note)
    }
    return try outcome.held()
  }

  /// An engine that polls sends at each flush, also where another part of the driver does it.
  func busyPollSend() throws -> Outcome {
    var configuration = configuration()
    configuration.isBusyPolling = true
    var engine = try Engine(configuration)
    let port = try bind(&engine)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer, etherType: 0x88B5)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    var outcome = Outcome(packets: 320)
    for start in stride(from: 0, to: outcome.packets, by: 16) {
      let frames = (start..<start + 16).map {
        Numbered.frame($0, byteCount: 60 + ($0 &* 71) % 1400)
      }
      // No `wait` before they arrive.
      try engine.transmit(frames, to: port)
      let arrived = try tap.receive(16, timeout: Self.patience)
      outcome.delivered += arrived.count
      outcome.corrupt += zip(arrived, frames).filter { $0 != $1 }.count
      _ = try engine.wait()
    }
    try engine.demandConserved()
    outcome.note = "16 at a time, each time by one flush"
    return try outcome.held()
  }

  /// How often the NIC interrupted while packets came to an engine, and how that polled.
  private func interrupts(
    of count: Int, _ outcome: inout Outcome, _ change: (inout Engine.Configuration) -> Void
  ) throws -> (count: Int, state: PortPolling) {
    var configuration = configuration()
    change(&configuration)
    var engine = try Engine(configuration)
    let port = try bind(&engine)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    // From the first round that finds nothing.
    _ = try engine.wait()
    while let frame = engine.receive(from: port) { engine.release(frame) }
    let before = try Self.interrupts(of: Self.simple.nic)
    let frames = (0..<count).map { Numbered.frame($0, byteCount: 60 + ($0 &* 97) % 1400) }
    var next = 0
    outcome.delivered += try engine.pass(frames, by: tap, to: [port]) { bytes, _, _ in
      if bytes != frames[next % count] { outcome.corrupt += 1 }
      next += 1
    }
    try engine.demandConserved()
    return (
      try Self.interrupts(of: Self.simple.nic) - before, engine.report(of: port).polling
    )
  }

  /// Interrupts of an interface so far, of all its queues on all processors.
  ///
  /// Their lines name it, or its device, as `virtio3-input.0`.
  private static func interrupts(of interface: String) throws -> Int {
    let device = try runProgram(["readlink", "/sys/class/net/\(interface)/device"])
    let names = [interface, device.split(separator: "/").last.map { $0.trimmed } ?? interface]
    let text = try runProgram(["cat", "/proc/interrupts"])
    var sum = 0
    for line in text.split(separator: "\n") where names.contains(where: line.contains) {
      let words = line.split(separator: " ").dropFirst()
      sum += words.prefix { Int($0) != nil }.reduce(0) { $0 + (Int($1) ?? 0) }
    }
    return sum
  }
}

extension Substring {
  fileprivate var trimmed: String { String(prefix { !$0.isWhitespace }) }
}

/// Polls the driver of an interface's first queue until a signal comes.
func poll(_ name: String, isZeroCopy: Bool) throws {
  var configuration = Engine.Configuration()
  configuration.isBusyPolling = true
  var engine = try Engine(configuration)
  let port = try engine.bind(name, queue: 0, mode: isZeroCopy ? .zeroCopy : .copy)
  try engine.steer(.everything)
  try engine.stopOnSignals()
  var isReady = false
  while try engine.wait() {
    while let frame = engine.receive(from: port) { engine.release(frame) }
    guard !isReady, case .deferred(let napi) = engine.report(of: port).polling else { continue }
    isReady = true
    say("napi \(napi)")
    say("ready")
  }
}

/// Prints how a part of a driver is run.
func napi(_ number: UInt32) {
  let settings = NAPISettings(of: number)
  print(settings.map { "\($0.deferrals) deferrals, \($0.timeout) ns" } ?? "gone")
}

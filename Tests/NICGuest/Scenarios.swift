import Glibc
import Martlet
import MartletTestKit

/// A scenario by its name.
struct Scenario: Sendable {
  let name: String
  /// Whether it chooses queues by the NIC's hash, which not every driver lets it.
  var needsHash = false
  /// Whether it takes a second NIC.
  var needsSecond = false
  let run: @Sendable (Lane) throws -> Outcome

  /// Why it cannot be here; nil if it can.
  func absence(on lane: Lane) -> String? {
    if needsHash, !lane.hasHash { return "not here: the driver gives no hash to compute" }
    if needsSecond, Lane.secondNIC.isEmpty { return "not here: there is one NIC" }
    return nil
  }

  /// Those that one process can run, in their order.
  static let all: [Scenario] = [
    Scenario(name: "ladder") { try $0.ladder() },
    Scenario(name: "sink-2048") { try $0.smallChunks() },
    Scenario(name: "sink-4096") { try $0.sink { $0.chunkSize = 4096 } },
    Scenario(name: "headroom") { lane in
      try lane.sink {
        $0.chunkSize = lane.chunkSize
        $0.headroom = 192
      }
    },
    Scenario(name: "arenas") { try $0.arenas() },
    Scenario(name: "wake-up") { try $0.wakeUp() },
    Scenario(name: "busy-poll") { try $0.busyPoll() },
    Scenario(name: "busy-poll-send") { try $0.busyPollSend() },
    Scenario(name: "dry") { try $0.runDry() },
    Scenario(name: "unaligned") { try $0.unaligned(.small) },
    Scenario(name: "unaligned-huge") { try $0.unaligned(.huge) },
    Scenario(name: "reflect") { try $0.reflect() },
    Scenario(name: "forward", needsSecond: true) { try $0.forward() },
    Scenario(name: "transmit") { try $0.transmit() },
    Scenario(name: "multi-buffer") { try $0.multiBuffer() },
    Scenario(name: "two-queues", needsHash: true) { try $0.twoQueues() },
    Scenario(name: "steered", needsHash: true) { try $0.steered() },
    Scenario(name: "intruders", needsHash: true) { try $0.intruders() },
    Scenario(name: "export", needsHash: true) { try $0.export() },
    Scenario(name: "rules") { try $0.rules() },
    Scenario(name: "driver-hash", needsHash: true) { try $0.driverHash() },
  ]
}

/// Runs the scenarios, and prints one line for each: its name, ok or FAILED, whether zero copy was
/// demanded, four numbers and a note, with tabs between.
///
/// False if one failed.
func runScenarios(_ lane: Lane, only names: ArraySlice<String>) throws -> Bool {
  var areAllRight = true
  let interface = try Interface(named: Lane.nic)
  let offer: String
  do throws(XDPError) { offer = "\(try interface.capabilities())" } catch { offer = error.reason }
  say("driver\t\(interface.driver() ?? "?"): \(offer)")
  for scenario in Scenario.all where names.isEmpty || names.contains(scenario.name) {
    var outcome = Outcome()
    var verdict = "ok"
    do {
      if let reason = scenario.absence(on: lane) {
        outcome.note = reason
      } else {
        outcome = try scenario.run(lane)
      }
    } catch {
      verdict = "FAILED"
      outcome.note = "\(error)"
      areAllRight = false
    }
    say(
      [
        scenario.name, verdict, "\(lane.hasZeroCopy)", "\(outcome.packets)",
        "\(outcome.delivered)", "\(outcome.outside)", "\(outcome.corrupt)", outcome.note,
      ].joined(separator: "\t"))
  }
  return areAllRight
}

/// Prints a line at once: whoever waits for it reads a pipe.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

extension Lane {
  /// What the driver offers is what its sockets get, and where there is no zero copy the ladder
  /// says so.
  func ladder() throws -> Outcome {
    var engine = try Engine()
    if hasQuirks {
      let port = try engine.bind(Self.nic, queue: 0)
      let report = engine.report(of: port)
      try demand(
        report.mode == .copy && report.modeReason.contains("repeats packets"),
        "\(report.mode.rawValue): \(report.modeReason)")
      return Outcome(note: "auto: copy (\(report.modeReason))")
    }
    if hasZeroCopy {
      let port = try engine.bind(Self.nic, queue: 0)
      let report = engine.report(of: port)
      try demand(report.mode == .zeroCopy, "\(report.mode.rawValue): \(report.modeReason)")
      return Outcome(note: "auto: zero-copy (\(report.modeReason))")
    }
    let error = try refusal("zero copy") { () throws(XDPError) in
      _ = try engine.bind(Self.nic, queue: 0, mode: .zeroCopy)
    }
    try demand(
      error.kind == .modeRefused && error.reason.contains("does not offer zero copy"), "\(error)")
    let port = try engine.bind(Self.nic, queue: 0)
    let report = engine.report(of: port)
    try demand(
      report.mode == .copy && report.modeReason.contains("does not offer zero copy"),
      "\(report.mode.rawValue): \(report.modeReason)")
    return Outcome(note: "auto: copy (\(report.modeReason))")
  }
}

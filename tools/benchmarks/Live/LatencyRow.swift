import Martlet
import MartletTestKit

extension LiveRows {
  /// A question by the kernel's UDP and its answer, one at a time: by Martlet's echo, by C's and by
  /// the kernel's own UDP, in turn.
  ///
  /// The asker spins, on the generator's processor.
  static func latency(_ options: Options) throws -> any Findings {
    try Contest.run("latency", options) { contest in
      var known: Estimate?
      for manner in Echo.Manner.allCases {
        // A quick run looks once how far two equals are apart.
        known = try latency(&contest, manner, contest.options.isQuick ? known : nil)
      }
      try wakeUps(&contest)
    }
  }

  /// Adds the lines of one manner; returns how far two equals are apart, unless that is `known`.
  private static func latency(
    _ contest: inout Contest, _ manner: Echo.Manner, _ known: Estimate?
  ) throws -> Estimate {
    let rounds = contest.options.slicePairs ?? (contest.options.isQuick ? 10 : 30)
    let lanes = contest.stage.lanes
    return try contest.with(Echo.martlet(contest, lanes[0], manner)) { martlet in
      let equals =
        try known
        ?? contest.with(Echo.martlet(contest, lanes[1], manner)) {
          Estimate(of: try ping(contest, martlet, $0, rounds: rounds).map(ratio))
        }
      let kernel = "kernel-udp-\(manner.spins ? "spin" : "block")"
      var others = [(Echo.kernel, (manner.spins ? 0.7 : 1.0) as Double?, kernel)]
      // The reference in C has native mode only.
      if manner.mode == .auto { others.append((Echo.c, nil, "c")) }
      for (make, target, name) in others {
        try contest.with(try make(contest, lanes[1], manner.spins)) { other in
          let times = try ping(contest, martlet, other, rounds: rounds)
          var line = LiveReport.Line(
            row: "latency", mode: manner.rawValue, rival: name, quantity: .median,
            ratio: Estimate(of: times.map(ratio)), target: target, equals: equals)
          line.more = [
            both("p50_us", times.map { ($0.a.median, $0.b.median) }),
            both("p99_us", times.map { ($0.a.late, $0.b.late) }),
          ]
          contest.report.lines.append(line)
        }
      }
      return equals
    }
  }

  private static func ratio(_ times: (a: Echo.Times, b: Echo.Times)) -> Double {
    times.a.median / times.b.median
  }

  /// An echo that has slept for a while, and how much processor it takes while nothing comes.
  private static func wakeUps(_ contest: inout Contest) throws {
    let idle = contest.options.isQuick ? Duration.seconds(1) : .seconds(3)
    let lane = contest.stage.lanes[0]
    try contest.with(Echo.martlet(contest, lane, .wait)) { echo in
      echo.resume()
      rest(.milliseconds(100))
      let before = try contest.stage.standstill { echo.nanoseconds }
      rest(idle)
      let used = try contest.stage.standstill { echo.nanoseconds } - before
      let share = Double(used) / idle.nanoseconds
      let milliseconds = contest.options.isQuick ? 1000 : 4000
      let times = try Echo.ask(lane, milliseconds: milliseconds, pause: 5000)
      contest.report.notes.append(
        "latency wait: \(percent(share, 3)) of a processor while nothing comes; from sleep to the "
          + "answer p50 \(decimal(times.median, 1)) us, p99 \(decimal(times.late, 1)) us")
      guard !contest.report.lines.isEmpty else { return }
      contest.report.lines[contest.report.lines.count - 1].more += [
        ("idle_cpu", decimal(share, 5)), ("wake_p99_us", decimal(times.late, 2)),
      ]
    }
  }

  private static func ping(
    _ contest: Contest, _ a: Rival, _ b: Rival, rounds: Int
  ) throws -> [(a: Echo.Times, b: Echo.Times)] {
    progress("latency: \(a.name) against \(b.name)")
    return try (0..<rounds).map { round in
      let isFirst = round.isMultiple(of: 2)
      let first = try ask(isFirst ? a : b)
      let second = try ask(isFirst ? b : a)
      return isFirst ? (first, second) : (second, first)
    }
  }

  private static func ask(_ echo: Rival) throws -> Echo.Times {
    echo.resume()
    defer { echo.pause() }
    return try Echo.ask(echo.lane, milliseconds: 60, pause: 0)
  }

  private static func both(
    _ key: String, _ times: [(a: Double, b: Double)]
  ) -> (key: String, json: String) {
    let (a, b) = (Estimate.median(times.map(\.a)), Estimate.median(times.map(\.b)))
    return (key, "{\"martlet\":\(decimal(a, 2)),\"b\":\(decimal(b, 2))}")
  }
}

/// Echoes of UDP on a lane's input, and who asks them.
private enum Echo {
  /// How Martlet's echo waits for a question, and in which mode of the driver it gets it.
  enum Manner: String, CaseIterable {
    case spin
    /// Generic mode, which for single packets is faster than veth's native mode.
    case generic = "spin, generic"
    case wait

    var spins: Bool { self != .wait }
    var mode: ModeRequest { self == .generic ? .generic : .auto }
  }

  /// Microseconds from question to answer.
  struct Times {
    var median: Double
    var late: Double
  }

  private static let port = 7000

  private static func address(_ lane: Stage.Lane, _ host: Int) -> String {
    "10.7.\(lane.number).\(host)"
  }

  static func martlet(_ contest: Contest, _ lane: Stage.Lane, _ manner: Manner) throws -> Rival {
    let program = [
      try builtProgram("MartletBench"), "echo", lane.input, manner.spins ? "--spin" : "--wait",
      manner.mode.rawValue,
    ]
    return try echo("martlet", contest, lane, program, "echoing")
  }

  static func c(_ contest: Contest, _ lane: Stage.Lane, _ spins: Bool) throws -> Rival {
    let program = [try builtProgram("MartletReference"), "echo", lane.input]
    return try echo("c", contest, lane, program + (spins ? ["--spin"] : []), "ready")
  }

  static func kernel(_ contest: Contest, _ lane: Stage.Lane, _ spins: Bool) throws -> Rival {
    try contest.stage.deviceSide.run {
      try assignAddress(address(lane, 1) + "/24", to: lane.input)
    }
    let program = [
      try builtProgram("MartletReference"), "udp-echo", address(lane, 1), "\(port)",
    ]
    return try echo("kernel-udp", contest, lane, program + (spins ? ["--spin"] : []), "ready") {
      _ = try? contest.stage.deviceSide.run {
        try runProgram(["ip", "address", "flush", "dev", lane.input])
      }
    }
  }

  private static func echo(
    _ name: String, _ contest: Contest, _ lane: Stage.Lane, _ program: [String], _ sign: String,
    undo: @escaping () -> Void = {}
  ) throws -> Rival {
    try introduce(lane)
    let process = try contest.stage.startRival(program)
    guard try process.waitForOutput(sign, timeout: .seconds(20)) else {
      throw TestKitError("the echo of \(name) does not start")
    }
    return try Rival(
      name, on: lane, plan: TrafficProgram.Plan(), process: process, undo: undo
    ) { 0 }
  }

  /// Gives the asker an address, and the echo's without asking for it.
  private static func introduce(_ lane: Stage.Lane) throws {
    let mac = lane.inputMAC.map { hexadecimal($0) }.joined(separator: ":")
    if try !runProgram(["ip", "address", "show", "dev", lane.from]).contains(address(lane, 2)) {
      try assignAddress(address(lane, 2) + "/24", to: lane.from)
    }
    try runProgram(["ip", "neigh", "replace", address(lane, 1), "lladdr", mac, "dev", lane.from])
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }

  /// Asks for so long, with a pause in microseconds behind each answer.
  ///
  /// Where the machine had no time for the echo there is no answer, and it is asked again.
  static func ask(_ lane: Stage.Lane, milliseconds: Int, pause: Int) throws -> Times {
    var answer = ""
    for _ in 0..<Duel.trials {
      answer = try runProgram([
        try builtProgram("MartletReference"), "ping", address(lane, 1), "\(port)",
        "\(milliseconds)", "\(pause)",
      ])
      guard let median = number("p50_us", in: answer), let late = number("p99_us", in: answer)
      else { break }
      if median > 0 { return Times(median: median, late: late) }
    }
    throw TestKitError("no answers: \(answer)")
  }

  /// A member of a flat JSON object.
  private static func number(_ key: String, in text: String) -> Double? {
    for member in text.split(whereSeparator: { "{},\n".contains($0) }) {
      let parts = member.split(separator: ":")
      if parts.count == 2, parts[0] == "\"\(key)\"" { return Double(parts[1]) }
    }
    return nil
  }
}

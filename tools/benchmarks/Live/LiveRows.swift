import Martlet
import MartletTestKit

/// The rows that are measured with packets on their way.
enum LiveRows {
  /// What arrives is counted and dropped.
  static func sink(_ options: Options) throws -> any Findings {
    try Contest.run("sink", options) { contest in
      try programs(.sink, &contest)
      if options.isQuick { return }
      let rivals = contest.rivals
      try references(.sink, &contest, [{ try rivals.packetRing($0) }])
    }
  }

  /// What arrives goes back with its addresses exchanged.
  static func reflect(_ options: Options) throws -> any Findings {
    try Contest.run("reflect", options) { contest in
      try programs(.reflect, &contest)
      if options.isQuick { return }
      try references(.reflect, &contest, [])
    }
  }

  /// What arrives at one interface leaves at another.
  static func forward(_ options: Options) throws -> any Findings {
    try Contest.run("forward", options) { contest in
      try programs(.forward, &contest)
      if options.isQuick { return }
      let rivals = contest.rivals
      try references(.forward, &contest, [{ try rivals.routing($0) }])
    }
  }

  /// Program against program, by the processor time of each.
  private static func programs(_ task: Rivals.Task, _ contest: inout Contest) throws {
    let rivals = contest.rivals
    let lanes = contest.stage.lanes
    var equals: Contest.Equals?
    for spins in [true, false] {
      try contest.with(try rivals.martlet(task, lanes[0], spins: spins)) { martlet in
        if equals == nil || !contest.options.isQuick {
          let twin = try rivals.martlet(task, lanes[1], spins: spins)
          equals = try contest.with(twin) { try contest.equals(martlet, $0) }
        }
        guard let equals else { return }
        let mode = spins ? "spin" : "wait"
        try contest.with(try rivals.c(task, lanes[1], spins: spins)) {
          try contest.compare(martlet, $0, mode: mode, .app, target: 1, equals)
        }
        guard task == .reflect, spins else { return }
        try drivers(martlet, &contest, equals)
      }
    }
  }

  private static func drivers(
    _ martlet: Rival, _ contest: inout Contest, _ equals: Contest.Equals
  ) throws {
    let targets = ["af_xdp": 0.98, "af_packet": 0.65]
    for driver in contest.options.isQuick ? ["af_xdp"] : ["af_xdp", "af_packet"] {
      let rival: Rival?
      do {
        rival = try contest.rivals.dpdk(driver, contest.stage.lanes[1])
      } catch {
        // What others cannot do here ends no comparison with the rest.
        contest.report.notes.append("dpdk-\(driver): \(error)")
        continue
      }
      guard let rival else {
        contest.report.notes.append("dpdk-testpmd is not installed: --install-dpdk does it")
        return
      }
      try contest.with(rival) {
        try contest.compare(martlet, $0, mode: "spin", .app, target: targets[driver], equals)
      }
    }
  }

  /// Beside what the kernel does alone, by the processor time of all: nothing to reach, but to
  /// know.
  private static func references(
    _ task: Rivals.Task, _ contest: inout Contest, _ more: [(Stage.Lane) throws -> Rival]
  ) throws {
    let rivals = contest.rivals
    let lanes = contest.stage.lanes
    try contest.with(try rivals.martlet(task, lanes[0], spins: false)) { martlet in
      let equals = try contest.with(try rivals.martlet(task, lanes[1], spins: false)) {
        try contest.equals(martlet, $0)
      }
      for make in more + [{ try rivals.kernel(task, $0) }] {
        try contest.with(try make(lanes[1])) {
          try contest.compare(martlet, $0, mode: "wait", .total, target: nil, equals)
        }
      }
    }
  }
}

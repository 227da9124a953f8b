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
    var known: Contest.Equals?
    for spins in [true, false] {
      let martlet: Contest.Start = { try rivals.martlet(task, $0, spins: spins) }
      // A quick run looks once.
      let equals =
        try (contest.options.isQuick ? known : nil)
        ?? twins(contest, martlet, changingRoles: true)
      known = equals
      try contest.compare(
        martlet, { try rivals.c(task, $0, spins: spins) }, mode: spins ? "spin" : "wait", .app,
        target: 1, equals)
      if task == .reflect, spins { try drivers(martlet, &contest, equals) }
    }
  }

  /// How far the same program is from itself on the other lane.
  private static func twins(
    _ contest: Contest, _ start: Contest.Start, changingRoles: Bool
  ) throws -> Contest.Equals {
    let lanes = contest.stage.lanes
    return try contest.with(try start(lanes[0])) { one in
      try contest.with(try start(lanes[1])) {
        try contest.equals(one, $0, changingRoles: changingRoles)
      }
    }
  }

  private static func drivers(
    _ martlet: Contest.Start, _ contest: inout Contest, _ equals: Contest.Equals
  ) throws {
    let rivals = contest.rivals
    guard rivals.hasDPDK else {
      contest.report.notes.append("dpdk-testpmd is not installed: --install-dpdk does it")
      return
    }
    let targets = ["af_xdp": 0.98, "af_packet": 0.65]
    for driver in contest.options.isQuick ? ["af_xdp"] : ["af_xdp", "af_packet"] {
      do {
        try contest.compare(
          martlet, { try rivals.dpdk(driver, $0) }, mode: "spin", .app, target: targets[driver],
          equals)
      } catch {
        // What others cannot do here ends no comparison with the rest.
        contest.report.notes.append("dpdk-\(driver): \(error)")
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
    let start: Contest.Start = { try rivals.martlet(task, $0, spins: false) }
    let equals = try twins(contest, start, changingRoles: false)
    try contest.with(try start(lanes[0])) { martlet in
      for make in more + [{ try rivals.kernel(task, $0) }] {
        try contest.with(try make(lanes[1])) {
          try contest.compare(martlet, $0, mode: "wait", .total, target: nil, equals)
        }
      }
    }
  }
}

import Martlet
import MartletTestKit

extension LiveRows {
  /// One flow forwarded by a rule in the kernel, beside the same forwarded by the same command in
  /// user space: the processor time of all, the generator's included.
  ///
  /// What the packets end in is part of the total, so it is the same for both, an XDP program that
  /// counts and drops. A packet from a socket costs more there than one that the kernel redirects;
  /// so the cheapest sink of each is compared besides, which for a socket's packets is the stack
  /// with no program; and the stack for both.
  ///
  /// In a flood the generator's time for packets that are lost counts for the slower one, as it
  /// does in every other row. Paced, it sends less than either takes, in portions that fit the
  /// rings, and both deliver every packet. Half of what the kernel's way takes is then the
  /// generator's; so a bare program that drops the same packets says what the generator takes, and
  /// what forwarding takes beyond that is compared.
  static func offload(_ options: Options) throws -> any Findings {
    try Contest.run("offload", options) { contest in
      for sink in options.isQuick ? [.program, .cheapest] : Sink.allCases {
        try offload(&contest, sink)
      }
    }
  }

  /// Where forwarded packets end.
  private enum Sink: String, CaseIterable {
    case program = "XDP sinks"
    case cheapest = "cheapest sinks"
    case stack = "stack as sink"
  }

  /// Packets in a portion and between portions: 400,000 a second.
  private static let pace = Pace.paced(frames: 1024, every: .microseconds(2560))

  private static func offload(_ contest: inout Contest, _ sink: Sink) throws {
    let lanes = contest.stage.lanes
    try contest.with(try martlet(contest, lanes[0], sink, isOffloaded: true)) { inKernel in
      let equals = try contest.with(martlet(contest, lanes[1], sink, isOffloaded: true)) {
        try contest.equals(inKernel, $0)
      }
      try contest.with(try martlet(contest, lanes[1], sink, isOffloaded: false)) { inUser in
        let target = sink == .stack ? nil : Self.offloadTarget
        let mode = sink.rawValue
        try contest.compare(
          inKernel, inUser, mode: "flood, \(mode)", .total, target: target, equals)
        try contest.compare(
          inKernel, inUser, mode: "paced, \(mode)", .total, target: target, equals, pace: pace)
      }
      guard sink != .stack, let place = contest.report.lines.indices.last else { return }
      try contest.with(try contest.rivals.kernel(.sink, lanes[1])) { bare in
        let line = try contest.compare(
          inKernel, bare, mode: "paced, \(sink.rawValue)", .total, target: nil, equals, pace: pace)
        contest.noteForwarding(at: place, line)
      }
    }
  }

  /// How much of what forwarding takes in user space it may take in the kernel.
  fileprivate static let offloadTarget = 0.2

  /// The command `martlet forward`, with a rule that forwards in the kernel or without one.
  private static func martlet(
    _ contest: Contest, _ lane: Stage.Lane, _ sink: Sink, isOffloaded: Bool
  ) throws -> Rival {
    let stage = contest.stage
    let hasProgram = sink == .program || sink == .cheapest && isOffloaded
    // Else the interface polls for redirected frames by its offload, which costs others time.
    let hasGRO = sink == .stack
    let end = hasProgram ? try contest.rivals.sink(at: lane.to) : nil
    if hasGRO { try stage.setGRO(true, of: lane.to) }
    var options: [String] = []
    if isOffloaded {
      let file = "/tmp/martlet-bench-\(Machine.ownProcess)-\(lane.number).rules"
      try write("udp -> forward \(lane.output)\n", to: file)
      options = ["--rules", file]
    }
    return try contest.rivals.martlet(
      .forward, lane, spins: false, options: options,
      name: isOffloaded ? "martlet-kernel" : "martlet-user", end: end
    ) {
      if hasGRO { try? stage.setGRO(false, of: lane.to) }
      if isOffloaded { _ = try? runProgram(["rm", "-f", options[1]]) }
    }
  }
}

extension Contest {
  /// Says what forwarding itself took in a comparison: all that the packets took, less what they
  /// take if they are only made and dropped.
  ///
  /// Both are differences of pairs: of the kernel's way and dropping, and of the two ways.
  fileprivate mutating func noteForwarding(at place: Int, _ dropping: LiveReport.Line) {
    let line = report.lines[place]
    let inKernel = dropping.difference
    let inUser = inKernel - line.difference
    guard !line.isNoisy, !dropping.isNoisy, inKernel > 0, inUser > 0 else {
      report.notes.append("\(line.mode): too noisy for what forwarding alone takes")
      return
    }
    let ratio = inKernel / inUser
    report.lines[place].more = [
      ("dropping_ns", decimal(dropping.other.total, 1)), ("forwarding_ratio", decimal(ratio, 3)),
      ("forwarding_target", decimal(LiveRows.offloadTarget, 2)),
    ]
    report.lines[place].isOver = ratio > LiveRows.offloadTarget
    let made = decimal(dropping.other.total, 0)
    report.notes.append(
      "\(line.mode): making and dropping \(made) ns, forwarding beyond that "
        + "\(decimal(inKernel, 0)) ns in the kernel and \(decimal(inUser, 0)) ns in user space, "
        + "ratio \(decimal(ratio, 3)), target <= \(decimal(LiveRows.offloadTarget, 2))")
  }
}

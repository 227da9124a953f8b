import Martlet
import MartletTestKit

/// The comparisons of one row, on one stage.
struct Contest {
  let row: String
  let stage: Stage
  let options: Options
  let rivals: Rivals
  var report: LiveReport

  /// Sets the stage, and takes it down when `body` has made its comparisons.
  static func run(
    _ row: String, _ options: Options, _ body: (inout Contest) throws -> Void
  ) throws -> LiveReport {
    // Before this process keeps to a processor.
    let machine = Machine.description()
    return try Machine.withPrecedence(options) {
      try Stage.use { stage in
        var contest = Contest(
          row: row, stage: stage, options: options, rivals: Rivals(stage),
          report: LiveReport(machine))
        try body(&contest)
        return contest.report
      }
    }
  }

  /// Pairs of slices of a comparison.
  var pairs: Int { options.slicePairs ?? (options.isQuick ? 20 : 60) }

  /// How far two equals are apart in each quantity, to judge the rest of the run by.
  struct Equals {
    var app: Estimate
    var total: Estimate

    func of(_ quantity: LiveReport.Quantity) -> Estimate { quantity == .app ? app : total }
  }

  /// Lets two rivals fight and says how far apart they were.
  func equals(_ a: Rival, _ b: Rival, pace: Pace = .flood) throws -> Equals {
    progress("\(row): \(a.name) against itself")
    let slices = try Duel(stage: stage, pace: pace).fight(a, b, pairs: pairs)
    return Equals(
      app: Estimate(of: slices.map { $0.a.appPerPacket / $0.b.appPerPacket }),
      total: Estimate(of: slices.map { $0.a.totalPerPacket / $0.b.totalPerPacket }))
  }

  /// Lets two rivals fight and notes what came of it.
  ///
  /// Rivals without a process have no time of their own: only totals compare.
  @discardableResult
  mutating func compare(
    _ a: Rival, _ b: Rival, mode: String, _ quantity: LiveReport.Quantity, target: Double?,
    _ equals: Equals, pace: Pace = .flood
  ) throws -> LiveReport.Line {
    progress("\(row), \(mode): \(a.name) against \(b.name)")
    let duel = Duel(stage: stage, pace: pace)
    let slices = try duel.fight(a, b, pairs: pairs)
    let ratios = slices.map {
      quantity == .app
        ? $0.a.appPerPacket / $0.b.appPerPacket : $0.a.totalPerPacket / $0.b.totalPerPacket
    }
    guard ratios.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw TestKitError("\(row), \(mode): no packets came through \(a.name) or \(b.name)")
    }
    let line = LiveReport.Line(
      row: row, mode: mode, rival: b.name, quantity: quantity, ratio: Estimate(of: ratios),
      target: target, equals: equals.of(quantity),
      martlet: figures(of: slices.map(\.a), calls: try duel.systemCalls(of: a)),
      other: figures(of: slices.map(\.b), calls: try duel.systemCalls(of: b)),
      difference: Estimate.median(slices.map { $0.a.totalPerPacket - $0.b.totalPerPacket }))
    report.lines.append(line)
    return line
  }

  private func figures(of slices: [Slice], calls: Double?) -> LiveReport.Figures {
    LiveReport.Figures(
      packetsPerSecond: Estimate.median(slices.map { $0.packets / $0.seconds }),
      app: Estimate.median(slices.map(\.appPerPacket)),
      total: Estimate.median(slices.map(\.totalPerPacket)), calls: calls)
  }

  /// Runs `body` with a rival, which is closed afterwards.
  @discardableResult
  func with<R>(_ rival: Rival, _ body: (Rival) throws -> R) throws -> R {
    let result = Result { try body(rival) }
    try rival.close()
    return try result.get()
  }
}

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

  /// Lets two rivals of one kind fight and says how far apart they were.
  ///
  /// `changingRoles` half-way is for comparisons in which rivals change lanes: in others the lanes'
  /// difference counts.
  func equals(_ a: Rival, _ b: Rival, changingRoles: Bool = false) throws -> Equals {
    progress("\(row): \(a.name) against itself")
    let duel = Duel(stage: stage)
    let parts =
      changingRoles
      ? [try duel.fight(a, b, pairs: halfPairs), try duel.fight(b, a, pairs: halfPairs)]
      : [try duel.fight(a, b, pairs: pairs)]
    return Equals(
      app: Estimate(of: ratios(.app, of: parts)), total: Estimate(of: ratios(.total, of: parts)))
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
    let line = LiveReport.Line(
      row: row, mode: mode, rival: b.name, quantity: quantity,
      ratio: try sound(ratios(quantity, of: [slices])), target: target, equals: equals.of(quantity),
      martlet: figures(of: slices.map(\.a), calls: try duel.systemCalls(of: a)),
      other: figures(of: slices.map(\.b), calls: try duel.systemCalls(of: b)),
      difference: Estimate.median(slices.map { $0.a.totalPerPacket - $0.b.totalPerPacket }))
    report.lines.append(line)
    return line
  }

  /// What starts a rival on a lane.
  typealias Start = (Stage.Lane) throws -> Rival

  /// The same on both lanes: for half of the pairs each rival has the other's.
  ///
  /// One of the lanes may be faster than its twin by half a percent, for as long as it is there.
  mutating func compare(
    _ a: Start, _ b: Start, mode: String, _ quantity: LiveReport.Quantity, target: Double?,
    _ equals: Equals
  ) throws {
    let duel = Duel(stage: stage)
    var name = ""
    var halves: [[(a: Slice, b: Slice)]] = []
    var calls: (a: Double?, b: Double?)
    for half in 0...1 {
      try with(try a(stage.lanes[half])) { a in
        try with(try b(stage.lanes[1 - half])) { b in
          if half == 0 { progress("\(row), \(mode): \(a.name) against \(b.name)") }
          halves.append(try duel.fight(a, b, pairs: halfPairs))
          calls = (try duel.systemCalls(of: a), try duel.systemCalls(of: b))
          name = b.name
        }
      }
    }
    let slices = halves.flatMap { $0 }
    report.lines.append(
      LiveReport.Line(
        row: row, mode: mode, rival: name, quantity: quantity,
        ratio: try sound(ratios(quantity, of: halves)),
        target: target, equals: equals.of(quantity),
        martlet: figures(of: slices.map(\.a), calls: calls.a),
        other: figures(of: slices.map(\.b), calls: calls.b)))
  }

  private var halfPairs: Int { max(1, pairs / 2) }

  /// How much more the first of each pair took; of two halves the geometric mean of what stands in
  /// the same place, in which what only the lanes differ in cancels out.
  private func ratios(
    _ quantity: LiveReport.Quantity, of halves: [[(a: Slice, b: Slice)]]
  ) -> [Double] {
    let ratios = halves.map { half in
      half.map {
        quantity == .app
          ? $0.a.appPerPacket / $0.b.appPerPacket : $0.a.totalPerPacket / $0.b.totalPerPacket
      }
    }
    guard ratios.count == 2 else { return ratios.flatMap { $0 } }
    return zip(ratios[0], ratios[1]).map { ($0 * $1).squareRoot() }
  }

  private func sound(_ ratios: [Double]) throws -> Estimate {
    guard ratios.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw TestKitError("\(row): no packets came through a rival, or it took no time")
    }
    return Estimate(of: ratios)
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

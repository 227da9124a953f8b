/// What a packet costs at each size, and how far the largest is from the smallest.
struct ScaleReport: Findings {
  /// One thing that grew.
  struct Series {
    var axis: ScaleRow.Axis
    var points: [(size: Int, time: Timing)]

    /// The cost at the largest size as a multiple of that at the smallest.
    var growth: Double { (points.last?.time.min ?? .nan) / (points.first?.time.min ?? .nan) }

    /// Ports have no target: each is looked after in each round.
    ///
    /// Two workers are to do 1.8 times what one does.
    var target: Double? {
      switch axis {
      case .ports: nil
      case .workers: 1 / 1.8
      case .groups, .memory: 1.3
      }
    }
  }

  var machine: String
  var plotFolder: String?
  var series: [Series] = []
  /// What could not be measured here.
  var notes: [String] = []

  init(machine: String, plotFolder: String?) {
    self.machine = machine
    self.plotFolder = plotFolder
  }

  func json(isQuick: Bool) -> String {
    let rows = series.map { series in
      let points = series.points.map {
        "{\"size\":\($0.size),\"ns\":{\"min\":\(decimal($0.time.min, 2)),"
          + "\"median\":\(decimal($0.time.median, 2))}}"
      }
      return "{\"row\":\"scale\",\"mode\":\"\(series.axis.rawValue)\",\"points\":["
        + points.joined(separator: ",") + "],\"growth\":\(decimal(series.growth, 3)),\"target\":"
        + (series.target.map { decimal($0, 2) } ?? "null")
        + ",\"quick\":\(isQuick),\"machine\":\"\(machine)\"}"
    }
    return "[" + rows.joined(separator: ",\n") + "]"
  }

  func table(isQuick: Bool) -> String {
    let rows = series.map { series in
      [series.axis.rawValue]
        + [
          series.points.map { "\($0.size): \(decimal($0.time.min, 1))" }.joined(separator: "  "),
          "x " + decimal(series.growth, 2), series.target.map { "<= " + decimal($0, 2) } ?? "-",
        ]
    }
    return machine + "\n"
      + columns([["what grows", "size: ns per packet, the least", "growth", "target"]] + rows)
      + notes.map { "\n" + $0 }.joined()
  }

  func missed(times: Bool) -> [String] {
    guard times else { return [] }
    return series.filter { $0.growth > $0.target ?? .infinity }.map { "scale \($0.axis.rawValue)" }
  }

  /// Draws all series: sizes by doubling, cost as a multiple of the smallest size's.
  func plot() throws {
    guard let plotFolder else { return }
    var picture = Picture("Cost per packet by size", width: 640, height: 320)
    let (left, right, top, bottom) = (60.0, 620.0, 30.0, 270.0)
    let highest = max(1.5, series.flatMap(relative).max() ?? 1)
    func y(_ value: Double) -> Double { bottom - (bottom - top) * value / highest }
    for tick in stride(from: 0, through: highest, by: 0.5) {
      picture.rule(left, y(tick), right, y(tick))
      picture.text(decimal(tick, 1), left - 8, y(tick) + 4, .end)
    }
    for (number, series) in series.enumerated() {
      let values = relative(series)
      let step = (right - left) / Double(max(1, values.count - 1))
      let points = values.enumerated().map { (x: left + step * Double($0), y: y($1)) }
      picture.line(points, series: number)
      let ends = "\(series.points.first?.size ?? 0) to \(series.points.last?.size ?? 0)"
      picture.text(
        "\(series.axis.rawValue), \(ends)", left + 180 * Double(number), bottom + 36,
        isQuiet: false)
      picture.line(
        [
          (left + 180 * Double(number) - 24, bottom + 32),
          (left + 180 * Double(number) - 6, bottom + 32),
        ],
        series: number)
    }
    picture.text("cost per packet, as a multiple of that at the smallest size", left, top - 12)
    picture.text("from the smallest size to the largest", right, bottom + 16, .end)
    try write(picture.svg, to: plotFolder + "/scale.svg")
  }

  private func relative(_ series: Series) -> [Double] {
    let first = series.points.first?.time.min ?? .nan
    return series.points.map { $0.time.min / first }
  }
}

import Martlet

/// One line on a terminal, redrawn every second: rates in and out of each direction, drops, mode.
struct LiveLine {
  private let directions: [Direction]
  private var last: [Counts]
  private var lastTime = Duration.zero

  /// Packets that went in and out of a direction so far.
  private struct Counts {
    var received: UInt64 = 0
    var sent: UInt64 = 0
  }

  init(_ directions: [Direction]) {
    self.directions = directions
    last = directions.map { _ in Counts() }
  }

  /// When the line is to be drawn next, from the start of the run.
  var nextTime: Duration { lastTime + .seconds(1) }

  /// Draws the line; `others` are the ports of other workers.
  mutating func draw(
    _ engine: borrowing Engine, and others: [PortReport], _ seen: SeenRules?, at now: Duration
  ) {
    let reports = engine.allPorts.map { engine.report(of: $0) } + others
    let seconds = (now - lastTime) / .seconds(1)
    lastTime = now
    var parts: [String] = []
    for (index, direction) in directions.enumerated() {
      let counts = Self.counts(of: direction, in: reports)
      var part = direction.label
      if direction.source != nil {
        part += " \(Self.rate(counts.received &- last[index].received, per: seconds)) in"
      }
      if direction.destination != nil {
        part += " \(Self.rate(counts.sent &- last[index].sent, per: seconds)) out"
      }
      last[index] = counts
      parts.append(part)
    }
    let drops = reports.flatMap { $0.dropped.causes }.reduce(0) { $0 &+ $1.packets }
    parts.append("\(Self.short(Double(drops))) drops")
    parts.append(reports.first?.mode.rawValue ?? "")
    if let seen { parts.append("seen \(seen.text)") }
    Terminal.redraw("packets/s: " + parts.joined(separator: "  "))
  }

  /// Leaves an empty line behind.
  func clear() { Terminal.redraw("") }

  private static func counts(of direction: Direction, in reports: [PortReport]) -> Counts {
    var counts = Counts()
    for report in reports {
      if report.interface == direction.source { counts.received &+= report.received.packets }
      if report.interface == direction.destination { counts.sent &+= report.sent.packets }
    }
    return counts
  }

  private static func rate(_ packets: UInt64, per seconds: Double) -> String {
    short(Double(packets) / seconds)
  }

  /// A number in at most five characters, such as 999, 12.3k or 4.56M.
  private static func short(_ number: Double) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where number >= unit {
      let scaled = number / unit
      if scaled >= 100 { return "\(Int(scaled))\(name)" }
      let decimals = scaled >= 10 ? 10 : 100
      let whole = Int(scaled * Double(decimals))
      let fraction = "\(whole % decimals)"
      let padding = decimals == 100 && fraction.count == 1 ? "0" : ""
      return "\(whole / decimals).\(padding)\(fraction)\(name)"
    }
    return "\(Int(number))"
  }
}

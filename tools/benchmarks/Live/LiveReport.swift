/// What a live row found: comparisons, each with how far two equals were apart in the same run.
struct LiveReport: Findings {
  /// What is compared.
  enum Quantity: String {
    case app = "app_ns"
    case total = "total_ns"
    case median = "p50_us"
  }

  /// One comparison: Martlet beside something else.
  struct Line {
    var row: String
    var mode: String
    var rival: String
    var quantity: Quantity
    var ratio: Estimate
    var target: Double?
    /// How the two were between which there is no difference.
    var equals: Estimate
    var martlet = Figures()
    var other = Figures()
    /// Nanoseconds of all that a packet takes more than the other's: the median over the pairs.
    var difference = Double.nan
    /// What else was found out, as members of the object.
    var more: [(key: String, json: String)] = []
    /// Whether one of those is over its target.
    var isOver = false

    /// Two equals that are further apart make every other difference a guess.
    var isNoisy: Bool { !(abs(equals.median - 1) <= 0.03) }
    var isMet: Bool { !isOver && (target.map { ratio.median <= $0 } ?? true) }
  }

  /// What is reported of each side.
  struct Figures {
    var packetsPerSecond = Double.nan
    var app = Double.nan
    var total = Double.nan
    var calls: Double?
  }

  let machine: String
  var lines: [Line] = []
  /// What explains the lines.
  var notes: [String] = []
  /// Targets missed by what is in no line.
  var otherMisses: [String] = []

  init(_ machine: String) { self.machine = machine }

  func json(isQuick: Bool) -> String {
    "[" + lines.map { json($0, isQuick: isQuick) }.joined(separator: ",\n") + "]"
  }

  private func json(_ line: Line, isQuick: Bool) -> String {
    func both(_ key: String, _ digits: Int, _ figure: (Figures) -> Double) -> String {
      "\"\(key)\":{\"martlet\":\(decimal(figure(line.martlet), digits)),"
        + "\"b\":\(decimal(figure(line.other), digits))}"
    }
    let target = line.target.map { decimal($0, 2) } ?? "null"
    let members =
      [
        "\"row\":\"\(line.row)\"", "\"mode\":\"\(line.mode)\"", "\"b\":\"\(line.rival)\"",
        "\"quantity\":\"\(line.quantity.rawValue)\"", "\"ratio\":\(line.ratio.json)",
        "\"target\":\(target)", "\"aa\":\(line.equals.json)",
        both("packets_per_second", 0) { $0.packetsPerSecond }, both("app_ns", 1) { $0.app },
        both("total_ns", 1) { $0.total },
        both("syscalls_per_packet", 4) { $0.calls ?? .nan },
        "\"verdict\":\"\(line.isNoisy ? "too noisy" : "ok")\"",
      ] + line.more.map { "\"\($0.key)\":\($0.json)" }
      + ["\"quick\":\(isQuick)", "\"machine\":\"\(machine)\""]
    return "{" + members.joined(separator: ",") + "}"
  }

  func table(isQuick: Bool) -> String {
    let head = [
      "row", "mode", "beside", "quantity", "ratio", "target", "", "equals", "kpps", "", "app ns",
      "",
      "total ns", "", "calls", "",
    ]
    return machine + "\n" + columns([head] + lines.map { cells($0) })
      + notes.map { $0 + "\n" }.joined()
  }

  private func cells(_ line: Line) -> [String] {
    func both(_ digits: Int, _ figure: (Figures) -> Double) -> [String] {
      [line.martlet, line.other].map {
        let value = figure($0)
        return value.isFinite ? decimal(value, digits) : "-"
      }
    }
    let verdict = line.isNoisy ? "too noisy" : line.isMet ? "ok" : "MISSED"
    return [
      line.row, line.mode, line.rival, line.quantity.rawValue,
      line.isNoisy ? "-" : line.ratio.text, line.target.map { "<= " + decimal($0, 2) } ?? "-",
      line.target == nil && !line.isNoisy && line.isMet ? "" : verdict,
      decimal(line.equals.median, 3),
    ] + both(0) { $0.packetsPerSecond / 1000 } + both(0) { $0.app } + both(0) { $0.total }
      + both(3) { $0.calls ?? .nan }
  }

  func missed(times: Bool) -> [String] {
    guard times else { return [] }
    return lines.filter { !$0.isNoisy && !$0.isMet }
      .map { "\($0.row) \($0.mode) against \($0.rival)" } + otherMisses
  }
}

/// Lines of cells, each column as wide as its widest cell.
func columns(_ rows: [[String]]) -> String {
  let count = rows.map(\.count).max() ?? 0
  let widths = (0..<count).map { column in
    rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    var text = zip(row, widths)
      .map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
    while text.last == " " { text.removeLast() }
    return text + "\n"
  }.joined()
}

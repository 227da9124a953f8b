/// What a row of benchmarks found: figures by key, and the targets that some of them have.
struct Report {
  /// The row's name.
  let row: String
  private(set) var figures: [(key: String, json: String)] = []
  private(set) var lines: [Line] = []

  /// A figure that has a target, as a line of the table.
  struct Line {
    var key: String
    var what: String
    var figure: String
    var target: String
    /// What it is compared with.
    var beside: String
    var isMet: Bool
    /// Whether the machine's other load may have made it miss.
    var isTime: Bool
  }

  init(row: String) { self.row = row }

  /// Notes a figure.
  mutating func note(_ key: String, _ value: Double, digits: Int = 4) {
    figures.append((key, decimal(value, digits)))
  }

  /// Notes a time: its minimum and its median.
  mutating func note(_ key: String, _ timing: Timing) {
    let json = "{\"min\":\(decimal(timing.min, 2)),\"median\":\(decimal(timing.median, 2))}"
    figures.append((key, json))
  }

  /// Notes what a target says of a figure.
  mutating func check(
    _ key: String, _ what: String, _ figure: String, target: String, beside: String = "",
    isMet: Bool, isTime: Bool = false
  ) {
    lines.append(
      Line(
        key: key, what: what, figure: figure, target: target, beside: beside, isMet: isMet,
        isTime: isTime))
  }

  /// Notes a number of bytes per packet that is to be no more than `limit`.
  mutating func noteBytes(
    _ key: String, _ what: String, _ value: Double, atMost limit: Double, beside: String = ""
  ) {
    note(key, value)
    check(
      key, what, "\(decimal(value, 1)) B", target: "<= \(decimal(limit, 0)) B", beside: beside,
      isMet: value <= limit)
  }

  /// Keys of the targets that were missed; times only on request.
  func missed(times: Bool) -> [String] {
    lines.filter { !$0.isMet && (times || !$0.isTime) }.map(\.key)
  }

  /// The report as one JSON object.
  func json(isQuick: Bool) -> String {
    let missed = missed(times: true).map { "\"\($0)\"" }.joined(separator: ",")
    let members = figures.map { "\"\($0.key)\":\($0.json)" }
    return "{\"row\":\"\(row)\",\"quick\":\(isQuick),"
      + members.map { $0 + "," }.joined() + "\"targets_missed\":[\(missed)]}"
  }

  /// The figures that have targets, as a table.
  func table(isQuick: Bool) -> String {
    let rows =
      [["benchmark", "measured", "target", "", "beside"]]
      + lines.map { line in
        let verdict = line.isMet ? "ok" : line.isTime && isQuick ? "noisy" : "MISSED"
        return [line.what, line.figure, line.target, verdict, line.beside]
      }
    let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var text = zip(row, widths)
        .map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }.joined()
  }
}

/// A number with so many digits behind the point.
func decimal(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return "null" }
  let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
  let scaled = Int((value.magnitude * Double(scale)).rounded())
  let whole = "\(scaled / scale)"
  let sign = value < 0 && scaled != 0 ? "-" : ""
  guard digits > 0 else { return sign + whole }
  let rest = "\(scaled % scale)"
  return sign + whole + "." + String(repeating: "0", count: digits - rest.count) + rest
}

/// A share of 1 in per cent.
func percent(_ share: Double, _ digits: Int = 1) -> String { decimal(share * 100, digits) + " %" }

/// A time as minimum and median.
func nanoseconds(_ timing: Timing) -> String {
  "\(decimal(timing.min, 1)) ns (median \(decimal(timing.median, 1)))"
}

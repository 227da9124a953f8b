/// A picture in SVG, readable on light and dark ground: the colours follow the reader's setting.
struct Picture {
  let width: Int
  let height: Int
  private let title: String
  private var body = ""

  /// The colours of series, for light and for dark ground.
  private static let colours: [(light: String, dark: String)] = [
    ("#1f6feb", "#58a6ff"), ("#c9510c", "#f0883e"), ("#1a7f37", "#3fb950"),
    ("#8250df", "#bc8cff"), ("#bf3989", "#f778ba"), ("#9a6700", "#d29922"),
    ("#1b7c83", "#39c5cf"), ("#6e7781", "#8b949e"),
  ]

  init(_ title: String, width: Int, height: Int) {
    self.title = title
    self.width = width
    self.height = height
  }

  /// Where text is anchored.
  enum Anchor: String { case start, middle, end }

  /// Writes text; `isQuiet` is for what explains.
  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, isQuiet: Bool = true,
    isUpright: Bool = false
  ) {
    let turn = isUpright ? " transform=\"rotate(-90 \(number(x)) \(number(y)))\"" : ""
    body +=
      "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor.rawValue)\""
      + "\(isQuiet ? " class=\"q\"" : "")\(turn)>\(text)</text>\n"
  }

  /// Draws a thin line: of an axis, or of the grid.
  mutating func rule(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    body +=
      "<path class=\"g\" d=\"M\(number(x1)) \(number(y1))L\(number(x2)) \(number(y2))\"/>\n"
  }

  /// Draws a line of a series through points.
  mutating func line(_ points: [(x: Double, y: Double)], series: Int, isDashed: Bool = false) {
    let path = points.map { "\(number($0.x)) \(number($0.y))" }.joined(separator: "L")
    body += "<path class=\"l s\(series)\(isDashed ? " d" : "")\" d=\"M\(path)\"/>\n"
  }

  /// Fills rectangles of a series.
  mutating func boxes(_ boxes: [(x: Double, y: Double, width: Double, height: Double)], series: Int)
  {
    guard !boxes.isEmpty else { return }
    let path = boxes.map {
      "M\(number($0.x)) \(number($0.y))h\(number($0.width))v\(number($0.height))"
        + "h-\(number($0.width))z"
    }
    body += "<path class=\"f\(series)\" d=\"\(path.joined())\"/>\n"
  }

  /// Fills rectangles as empty places.
  mutating func ground(_ boxes: [(x: Double, y: Double, width: Double, height: Double)]) {
    let path = boxes.map {
      "M\(number($0.x)) \(number($0.y))h\(number($0.width))v\(number($0.height))"
        + "h-\(number($0.width))z"
    }
    body += "<path class=\"e\" d=\"\(path.joined())\"/>\n"
  }

  /// The whole file.
  var svg: String {
    func rules(_ colour: (Int) -> String, text: String, quiet: String, grid: String, ground: String)
      -> String
    {
      "svg{background:\(ground)}.b{fill:\(ground)}text{fill:\(text)}.q{fill:\(quiet)}"
        + ".g{stroke:\(grid)}.e{fill:\(grid)}"
        + (0..<Self.colours.count).map {
          ".s\($0){stroke:\(colour($0))}.f\($0){fill:\(colour($0))}"
        }.joined()
    }
    let light = rules(
      { Self.colours[$0].light }, text: "#1f2328", quiet: "#59636e", grid: "#d1d9e0",
      ground: "#ffffff")
    let dark = rules(
      { Self.colours[$0].dark }, text: "#f0f6fc", quiet: "#9198a1", grid: "#3d444d",
      ground: "#0d1117")
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" "
      + "width=\"\(width)\" height=\"\(height)\" role=\"img\">\n<title>\(title)</title>\n<style>\n"
      + "text{font:12px sans-serif}.l{fill:none;stroke-width:2}.d{stroke-dasharray:5 4}"
      + ".g{stroke-width:1;fill:none}\n\(light)\n@media (prefers-color-scheme:dark){\(dark)}\n"
      + "</style>\n<rect class=\"b\" width=\"\(width)\" height=\"\(height)\"/>\n\(body)</svg>\n"
  }

  private func number(_ value: Double) -> String {
    let text = decimal(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

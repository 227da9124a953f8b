import Martlet

/// The pages of flow groups as a picture in SVG, readable on light and dark ground: a cell for each
/// page, coloured by the flows whose packets lie in it.
struct PageMap {
  struct Panel {
    let title: String
    /// What each colour stands for.
    let flows: [String]
    let chunks: [PageScan.Content]
  }

  let panels: [Panel]

  private static let cell = 7
  private static let columns = 32
  private static let gap = 28
  private static let top = 62

  /// For light and for dark ground: two flows of each group, then what is no group's.
  private static let colours: [(light: String, dark: String)] = [
    ("#1f6feb", "#58a6ff"), ("#0a3069", "#a5d6ff"), ("#1a7f37", "#3fb950"),
    ("#0f5323", "#aff5b4"), ("#bc4c00", "#f0883e"), ("#762d0a", "#ffdfb6"),
    ("#cf222e", "#ff7b72"),
  ]
  private static let stranger = colours.count - 1

  var svg: String {
    let panelWidth = Self.columns * Self.cell
    let rows = panels.map { $0.chunks.count / 2 / Self.columns }.max() ?? 0
    let width = panels.count * (panelWidth + Self.gap) + Self.gap
    let height = Self.top + rows * Self.cell + 58
    var body = text(
      "One cell is a page of 4 KiB: the flow whose packets lie in its halves", Self.gap, 22,
      "start")
    for (number, panel) in panels.enumerated() {
      body += draw(panel, number, at: Self.gap + number * (panelWidth + Self.gap), rows)
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" "
      + "width=\"\(width)\" height=\"\(height)\" role=\"img\">\n"
      + "<title>The pages of three flow groups, coloured by flow</title>\n"
      + "<style>\ntext{font:12px sans-serif}.q{font-size:10px}\(rules(\.light, false))\n"
      + "@media (prefers-color-scheme:dark){\(rules(\.dark, true))}\n</style>\n"
      + "<rect class=\"b\" width=\"\(width)\" height=\"\(height)\"/>\n\(body)</svg>\n"
  }

  private func rules(
    _ colour: (((light: String, dark: String)) -> String), _ isDark: Bool
  ) -> String {
    let ground = isDark ? "#0d1117" : "#ffffff"
    return "svg{background:\(ground)}.b{fill:\(ground)}text{fill:\(isDark ? "#f0f6fc" : "#1f2328")}"
      + ".q{fill:\(isDark ? "#9198a1" : "#59636e")}.e{fill:\(isDark ? "#21262d" : "#eaeef2")}"
      + ".g{stroke:\(ground);stroke-width:1}"
      + Self.colours.enumerated().map { ".f\($0){fill:\(colour($1))}" }.joined()
  }

  /// A group's pages, row by row, and what their colours mean.
  private func draw(_ panel: Panel, _ number: Int, at left: Int, _ rows: Int) -> String {
    let width = Self.columns * Self.cell
    let height = panel.chunks.count / 2 / Self.columns * Self.cell
    let used = stride(from: 0, to: panel.chunks.count, by: 2).count {
      panel.chunks[$0] != .nothing || panel.chunks[$0 + 1] != .nothing
    }
    var svg = text(panel.title, left, 44, "start")
    svg += text(
      "\(used) of \(panel.chunks.count / 2) pages", left + width, 44, "end", isQuiet: true)
    svg +=
      "<rect class=\"e\" x=\"\(left)\" y=\"\(Self.top - 8)\" width=\"\(width)\" "
      + "height=\"\(height)\"/>\n"
    for kind in 0..<2 { svg += runs(of: .flow(kind), in: panel, number * 2 + kind, at: left) }
    svg += runs(of: .stranger, in: panel, Self.stranger, at: left)
    svg += grid(at: left, width, height)
    for (kind, flow) in panel.flows.enumerated() {
      let y = Self.top + rows * Self.cell + 12 + 18 * kind
      svg +=
        "<rect class=\"f\(number * 2 + kind)\" x=\"\(left)\" y=\"\(y - 9)\" width=\"10\" "
        + "height=\"10\"/>\n"
      svg += text(flow, left + 16, y, "start", isQuiet: true)
    }
    return svg
  }

  /// The chunks with one content, neighbours in one piece; half a cell is one unit.
  private func runs(
    of content: PageScan.Content, in panel: Panel, _ colour: Int, at left: Int
  ) -> String {
    var path = ""
    let perRow = 2 * Self.columns
    for row in 0..<panel.chunks.count / perRow {
      var place = 0
      while place < perRow {
        let start = place
        while place < perRow, panel.chunks[row * perRow + place] == content { place += 1 }
        if place > start { path += "M\(start) \(row)h\(place - start)v1h-\(place - start)z" }
        place += place == start ? 1 : 0
      }
    }
    guard !path.isEmpty else { return "" }
    return "<path class=\"f\(colour)\" transform=\"translate(\(left) \(Self.top - 8))"
      + "scale(\(Self.cell / 2).5 \(Self.cell))\" d=\"\(path)\"/>\n"
  }

  /// Lines between the pages.
  private func grid(at left: Int, _ width: Int, _ height: Int) -> String {
    let upright = stride(from: 0, through: width, by: Self.cell).map {
      "M\(left + $0) \(Self.top - 8)v\(height)"
    }
    let level = stride(from: 0, through: height, by: Self.cell).map {
      "M\(left) \(Self.top - 8 + $0)h\(width)"
    }
    return "<path class=\"g\" d=\"\((upright + level).joined())\"/>\n"
  }

  private func text(
    _ text: String, _ x: Int, _ y: Int, _ anchor: String, isQuiet: Bool = false
  ) -> String {
    let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;")
    return "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\"\(isQuiet ? " class=\"q\"" : "")>"
      + "\(escaped)</text>\n"
  }
}

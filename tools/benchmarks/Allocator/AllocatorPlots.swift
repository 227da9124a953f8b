/// The three pictures of the allocator's row.
struct AllocatorPlots {
  var folder: String

  func write(_ fills: [FillSubject: [Fill]]) throws {
    try MartletBench.write(try bytes().svg, to: folder + "/allocator-bytes.svg")
    try MartletBench.write(fill(fills).svg, to: folder + "/allocator-fill.svg")
    try MartletBench.write(try pages().svg, to: folder + "/allocator-pages.svg")
  }

  /// Bytes of memory per held packet against the packet's size.
  private func bytes() throws -> Picture {
    var picture = Picture(
      "Bytes of memory per held packet, by packet size", width: 720, height: 400)
    picture.text(
      "Bytes of memory per held packet: 2,000 packets of one size", 70, 24, isQuiet: false)
    let (left, right, top, bottom) = (70.0, 690.0, 70.0, 340.0)
    func x(_ size: Int) -> Double { left + (right - left) * Double(size) / 1536 }
    func y(_ bytes: Double) -> Double { bottom - (bottom - top) * bytes / 4500 }
    for bytes in stride(from: 0, through: 4096, by: 1024) {
      picture.rule(left, y(Double(bytes)), right, y(Double(bytes)))
      picture.text("\(bytes)", left - 8, y(Double(bytes)) + 4, .end)
    }
    for size in stride(from: 0, through: 1536, by: 256) {
      picture.rule(x(size), bottom, x(size), bottom + 5)
      picture.text("\(size)", x(size), bottom + 20, .middle)
    }
    picture.text("packet size, bytes", (left + right) / 2, bottom + 42, .middle)
    picture.text("memory per packet, bytes", 20, (top + bottom) / 2, .middle, isUpright: true)
    let sizes = Array(stride(from: 64, through: 1518, by: 32)) + [1518]
    let held = Held(count: 2000, rounds: 5)
    let series: [(name: String, bytes: (Int) throws -> Double, isDashed: Bool)] = [
      ("Martlet, nodes of 1 page", { try held.ours(.fixed($0)) }, false),
      ("Martlet, of 8 pages", { try held.ours(.fixed($0), order: 3) }, false),
      ("power of two", { Double(Held.roundedUp($0)) }, true),
      ("2,048 B chunks", { _ in 2048 }, true),
      ("4,096 B chunks", { _ in 4096 }, true),
    ]
    let columns = [30.0, 205, 360, 470, 592]
    for (number, one) in series.enumerated() {
      picture.line(
        try sizes.map { (x: x($0), y: y(try one.bytes($0))) }, series: number,
        isDashed: one.isDashed)
      picture.line(
        [(columns[number], 48), (columns[number] + 18, 48)], series: number,
        isDashed: one.isDashed)
      picture.text(one.name, columns[number] + 23, 52)
    }
    return picture
  }

  /// How full the memory is in both fragmentation runs.
  private func fill(_ fills: [FillSubject: [Fill]]) -> Picture {
    var picture = Picture("Fill of the memory when frames fail", width: 720, height: 400)
    picture.text(
      "Requested bytes over all bytes, when frames no longer fit", 70, 24, isQuiet: false)
    let (left, right, top, bottom) = (70.0, 690.0, 80.0, 320.0)
    func y(_ share: Double) -> Double { bottom - (bottom - top) * share }
    for share in stride(from: 0, through: 100, by: 20) {
      picture.rule(left, y(Double(share) / 100), right, y(Double(share) / 100))
      picture.text("\(share)", left - 8, y(Double(share) / 100) + 4, .end)
    }
    picture.text("fill of the memory, per cent", 20, (top + bottom) / 2, .middle, isUpright: true)
    let runs: [(name: String, detail: String, value: (FillSubject) -> Double)] = [
      ("random sizes", "first failure", { fills[$0]?[0].first ?? 0 }),
      ("random sizes", "fourth failure", { fills[$0]?[0].last ?? 0 }),
      ("19, 37, 79 units", "1 page, first failure", { fills[$0]?[1].first ?? 0 }),
      ("19, 37, 79 units", "1 page, churned", { fills[$0]?[1].last ?? 0 }),
      ("19, 37, 79 units", "8 pages, churned", { fills[$0]?[2].last ?? 0 }),
    ]
    let step = (right - left) / Double(runs.count)
    let subjects = FillSubject.allCases
    for (place, run) in runs.enumerated() {
      let start = left + step * Double(place)
      picture.text(run.name, start + step / 2, bottom + 20, .middle)
      picture.text(run.detail, start + step / 2, bottom + 36, .middle)
      for (series, subject) in subjects.enumerated() {
        let value = run.value(subject)
        picture.boxes(
          [(start + 12 + 20 * Double(series), y(value), 17, bottom - y(value))], series: series)
      }
    }
    picture.text("run: Polyakov's, then Zijlstra's", (left + right) / 2, bottom + 62, .middle)
    let columns = [70.0, 165, 295, 450, 580]
    for (series, subject) in subjects.enumerated() {
      picture.boxes([(columns[series], 44, 12, 12)], series: series)
      picture.text(subject.rawValue, columns[series] + 18, 54)
    }
    return picture
  }

  /// Whose each granule is, page by page, in one group and in a group per flow.
  private func pages() throws -> Picture {
    var picture = Picture("Pages by flow", width: 720, height: 400)
    let flows = 8
    let maps = [
      ("in one group", try Flows(flows: flows, held: 40, rounds: 0, isExclusive: false)),
      ("a group per flow", try Flows(flows: flows, held: 40, rounds: 0, isExclusive: true)),
    ]
    picture.text(
      "40 IMIX packets of each of 8 flows: whose the granules of each page are", 40, 24,
      isQuiet: false)
    for flow in 0..<flows {
      picture.boxes([(40 + 75 * Double(flow), 40, 12, 12)], series: flow)
      picture.text("flow \(flow + 1)", 57 + 75 * Double(flow), 50)
    }
    for (side, map) in maps.enumerated() {
      let left = 60 + 340 * Double(side)
      let pages = map.1.owners.sorted { ($0.max() ?? -1) < ($1.max() ?? -1) }
      picture.text(
        "\(map.0): \(percent(map.1.purity, 0)) of the pages have one flow", left, 78)
      let height = 270 / Double(max(1, pages.count))
      picture.ground(
        pages.indices.map { (left, 90 + height * Double($0), 64 * 4.5, max(1, height - 1)) })
      for flow in 0..<flows {
        picture.boxes(
          pages.enumerated().flatMap { page, owners in
            Self.runs(of: flow, in: owners).map {
              (
                left + 4.5 * Double($0.lowerBound), 90 + height * Double(page),
                4.5 * Double($0.count), max(1, height - 1)
              )
            }
          }, series: flow)
      }
      picture.text("granule of the page, 0 to 63", left + 32 * 4.5, 382, .middle)
      picture.text("page", left - 12, 225, .middle, isUpright: true)
    }
    return picture
  }

  /// The stretches of a page that are a flow's.
  private static func runs(of flow: Int, in owners: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for (granule, owner) in owners.enumerated() where owner == flow {
      if let last = runs.last, last.upperBound == granule {
        runs[runs.count - 1] = last.lowerBound..<granule + 1
      } else {
        runs.append(granule..<granule + 1)
      }
    }
    return runs
  }
}

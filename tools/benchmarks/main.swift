import Glibc

/// A row of benchmarks: what one run measures together.
///
/// One entry here and one file in `rows`.
struct Row {
  var name: String
  var run: (Options) throws -> Report
}

let rows = [Row(name: "allocator", run: AllocatorRow.run)]

let arguments = CommandLine.arguments.dropFirst()
guard let row = rows.first(where: { $0.name == arguments.first }),
  let options = Options(arguments.dropFirst())
else {
  progress(
    "ROW [--quick] [--json FILE] [--plot DIR], where ROW is one of: "
      + rows.map(\.name).joined(separator: ", "))
  exit(64)
}

do {
  let report = try row.run(options)
  print(report.table(isQuick: options.isQuick), terminator: "")
  if let path = options.jsonPath {
    try write(report.json(isQuick: options.isQuick) + "\n", to: path)
  }
  let missed = report.missed(times: !options.isQuick)
  if !missed.isEmpty { print("MISSED: \(missed.joined(separator: ", "))") }
  exit(missed.isEmpty ? 0 : 1)
} catch {
  progress("\(error)")
  exit(2)
}

import Glibc
import Martlet

/// A row of benchmarks: what one run measures together.
///
/// One entry here and one file in `rows`.
struct Row {
  var name: String
  var run: (Options) throws -> any Findings
}

let rows = [
  Row(name: "allocator", run: AllocatorRow.run),
  Row(name: "sink", run: LiveRows.sink),
  Row(name: "reflect", run: LiveRows.reflect),
  Row(name: "forward", run: LiveRows.forward),
  Row(name: "offload", run: LiveRows.offload),
  Row(name: "latency", run: LiveRows.latency),
  Row(name: "steering", run: LiveRows.steering),
  Row(name: "scale", run: ScaleRow.run),
]

let arguments = CommandLine.arguments.dropFirst()
// What a row starts as a process of its own.
if arguments.first == "echo", arguments.count == 4, let mode = ModeRequest(rawValue: arguments[4]) {
  do throws(XDPError) {
    try EchoRole.run(arguments[2], spins: arguments[3] == "--spin", mode: mode)
    exit(0)
  } catch {
    progress("\(error)")
    exit(1)
  }
}
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

// What `tools/demo flows` runs between the two ends of its traffic.
//
//     MartletFlows NEAR OUT --group NAME=FLOWS ... --folder F --pace full|quick --json F [--plot F]
//
// receives on four queues of NEAR, three of which are flow groups', gives each group to a process
// of its own, and forwards what those let pass to OUT. It prints "ready", does what the demo shows
// once packets of all groups come, writes what it measured, and ends with status 0 if all of it is
// as it must be.
import Glibc
import Martlet
import SystemPackage

/// Says what went wrong on one line and ends.
func fail(_ message: String, status: Int32 = 1) -> Never {
  _ = try? FileDescriptor.standardError.writeAll("flows: \(message)\n".utf8)
  exit(status)
}

/// Prints a line at once: whoever waits for it reads a file.
func say(_ line: String) { _ = try? FileDescriptor.standardOutput.writeAll("\(line)\n".utf8) }

guard let options = Options(CommandLine.arguments.dropFirst()), let folder = options["--folder"],
  options.groups.count > 1
else { fail("start tools/demo flows", status: 64) }
let paths = options.groups.indices.map { "\(folder)/group\($0)" }

do throws(XDPError) {
  if let parent = CompanionProcess.parent() {
    guard let number = options["--consume"].flatMap(Int.init) else { fail("no group", status: 64) }
    let consumer = Consumer(
      plan: options.groups[number],
      others: options.groups.indices.filter { $0 != number }.map { options.groups[$0] },
      path: paths[number],
      foreignPaths: paths.indices.filter { $0 != number }.map { paths[$0] })
    try consumer.run(under: parent)
  } else {
    guard options.words.count == 2, let json = options["--json"] else {
      fail("start tools/demo flows", status: 64)
    }
    var demo = try Demo(options, paths)
    try demo.run()
    let outcome = demo.outcome()
    try? write(outcome.json, to: json)
    if let plot = options["--plot"] { try? write(demo.picture(), to: plot) }
    exit(outcome.isRight ? 0 : 1)
  }
} catch {
  fail("\(error)")
}

/// Writes a file.
func write(_ text: String, to path: String) throws {
  let file = try FileDescriptor.open(
    FilePath(path), .writeOnly, options: [.create, .truncate],
    permissions: [.ownerReadWrite, .groupRead, .otherRead])
  try file.closeAfterWriting(text)
}

extension FileDescriptor {
  fileprivate func closeAfterWriting(_ text: String) throws {
    try closeAfter { _ = try writeAll(text.utf8) }
  }
}

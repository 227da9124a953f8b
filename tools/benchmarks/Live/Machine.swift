import Glibc
import Martlet
import SystemPackage

/// What a run's figures depend on, in words; and its place among the machine's other work.
enum Machine {
  /// This process.
  static var ownProcess: Int32 { getpid() }

  /// One line: the kernel, the processors, how busy they are.
  static func description() -> String {
    let release = text("/proc/sys/kernel/osrelease")
    let model =
      text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }?
      .split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown processor"
    let load = text("/proc/loadavg").split(separator: " ").first ?? "?"
    return "Linux \(release), \(allowedProcessors().count) x \(model), load \(load) at the start"
  }

  /// The processors that this process may use, by number.
  static func allowedProcessors() -> [Int] {
    let line = text("/proc/self/status").split(separator: "\n")
      .first { $0.hasPrefix("Cpus_allowed_list:") }
    let list = line?.split(separator: ":").last?.drop { $0 == "\t" || $0 == " " } ?? "0"
    return list.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last else { return [] }
      return Array(first...last)
    }
  }

  /// Goes before other work of the machine, as far as this user may, while `body` runs.
  ///
  /// Not for a look of a few slices, whose figures nobody keeps.
  static func withPrecedence<R>(_ options: Options, _ body: () throws -> R) rethrows -> R {
    if options.slicePairs != nil { return try body() }
    let group = "/proc/self/autogroup"
    var before = text(group).split(separator: " ").last.map(String.init)
    // Left by a run that was killed or beside which another one ended: not what anybody wants.
    if before == "-20" { before = "0" }
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -20)
    try? write("-20\n", over: group)
    defer {
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 0)
      if let before { try? write("\(before)\n", over: group) }
    }
    return try body()
  }

  /// The content of a small file; nothing if there is none.
  static func text(_ path: String) -> String {
    var text = (try? TextFile.contents(of: path)) ?? ""
    while text.last?.isNewline == true { text.removeLast() }
    return text
  }

  private static func write(_ text: String, over path: String) throws {
    let file = try FileDescriptor.open(FilePath(path), .writeOnly)
    try file.closeAfter { _ = try file.writeAll(text.utf8) }
  }
}

import MartletTestKit
import Testing

/// What the scripts in `tools` do before they build anything: no test here needs privileges.
@Suite struct ScriptTests {
  private static let repository = #filePath.split(
    separator: "/", omittingEmptySubsequences: false
  ).dropLast(3).joined(separator: "/")

  /// A folder to start scripts in, with a `swift` before the real one.
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    // It builds nothing, but has a `martlet` that says where it was started and with what.
    let swift = """
      case $* in
        --version) echo "Swift version 99.0" ;;
        *--show-bin-path*) echo "${0%/swift}" ;;
      esac
      """
    for (name, text) in [("swift", swift), ("martlet", #"echo "in $PWD: $*""#)] {
      let make = #"mkdir -p bin && printf '#!/bin/sh\n%s\n' "$2" >bin/"$1" && chmod 755 bin/"$1""#
      try runProgram(["sh", "-c", #"cd "$0" && "# + make, folder.path, name, text])
    }
  }

  /// Runs a script there and returns its status, and what it said.
  private func run(
    _ script: String, _ arguments: [String]
  ) throws -> (status: ChildProcess.ExitStatus?, output: String, errors: String) {
    let start = #"cd "$0" && PATH=$PWD/bin:$PATH exec "$@""#
    let process = try ChildProcess(
      ["sh", "-c", start, folder.path, Self.repository + "/tools/" + script] + arguments)
    let status = try process.wait(timeout: .seconds(60))
    return (
      status, String(decoding: process.standardOutput, as: UTF8.self),
      String(decoding: process.standardError, as: UTF8.self)
    )
  }

  /// What is in the folder besides the programs.
  private func files() throws -> String { try runProgram(["ls", "-I", "bin", folder.path]) }

  @Test("zero-copy wants a kernel, or kernels with commas", arguments: ["", " ", ",", "6.18,,6.1"])
  func zeroCopyKernels(list: String) throws {
    let run = try run("zero-copy", ["--kernel", list])
    #expect(run.status == .exited(64))
    #expect(run.errors.hasPrefix("tools/zero-copy: --kernel"))
  }

  @Test("A file that cannot be written is said before the work")
  func jsonFile() throws {
    for (script, status) in [("demo", 1), ("bench", 2), ("zero-copy", 1)] as [(String, Int32)] {
      let words = script == "bench" ? ["ring"] : []
      let run = try run(script, words + ["--json", "no/file"])
      #expect(run.status == .exited(status))
      #expect(run.errors.hasPrefix("cannot write \(folder.path)/no/file: "), "\(run.errors)")
    }
  }

  @Test("What ends early leaves no empty file, and an old one as it was")
  func earlyEnd() throws {
    #expect(try run("demo", ["--json", "new", "--seconds", "1"]).status == .exited(64))
    #expect(try files() == "")
    try runProgram(["sh", "-c", "echo kept >\(folder.path)/old"])
    #expect(try run("demo", ["--json", "old", "--seconds", "1"]).status == .exited(64))
    #expect(try runProgram(["cat", folder.path + "/old"]) == "kept\n")
  }

  @Test("The demo's forwarder finds files from where the demo was started")
  func demoFiles() throws {
    let run = try run("demo", ["--seconds", "3", "eth8", "eth9", "--rules", "my.rules"])
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(
      run.output == "in \(folder.path): forward eth8 eth9 --rules my.rules --seconds 3\n",
      "\(run.output)")
  }
}

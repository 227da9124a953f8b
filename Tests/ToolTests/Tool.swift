import CXDP
import Glibc
import MartletTestKit
import Testing

let sockets = KernelFeature.sockets
let needsSockets = Comment(rawValue: KernelFeature.sockets.reason)

/// A running `martlet`, in the network namespace of the thread that started it.
struct Tool {
  let process: ChildProcess

  /// Starts it with these arguments, perhaps through another program.
  init(_ arguments: [String], through wrapper: [String] = []) throws {
    process = try ChildProcess(wrapper + [try builtProgram("martlet")] + arguments)
  }

  /// Little memory: the debug build looks at all of it before each sleep.
  ///
  /// Fill rings are kept stocked with 512 frames for one port, 256 each for two.
  static let littleMemory = ["--memory", "2M"]

  /// Starts a command that runs until it is stopped, with little memory, and waits until everything
  /// is up.
  static func started(_ arguments: String...) throws -> Tool {
    let tool = try Tool(arguments + littleMemory)
    try #require(try tool.process.waitForOutput("martlet: ", timeout: .seconds(20)))
    try #require(tool.errorLines.first?.contains("attached by") == true, "\(tool.errorLines)")
    return tool
  }

  /// The lines on standard error so far.
  var errorLines: [String] { lines(process.standardError) }

  /// What is on standard output so far.
  var output: String { String(decoding: process.standardOutput, as: UTF8.self) }

  private func lines(_ bytes: [UInt8]) -> [String] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Ends it by a signal and returns its JSON report; status 0 and nothing else said is required.
  func stop(_ signal: Int32 = SIGINT) throws -> JSONValue {
    process.signal(signal)
    try #require(try process.wait(timeout: .seconds(20)) == .exited(0), "\(errorLines)")
    #expect(errorLines.count == 1, "\(errorLines)")
    return try report()
  }

  /// Its JSON report, checked for what holds for every report.
  func report() throws -> JSONValue {
    let report = try JSONValue(output)
    #expect(output.hasSuffix("}\n"))
    #expect(report.keys.filter { $0 != "seen" } == ["seconds", "ports", "frames", "conserved"])
    #expect(report["conserved"] == .boolean(true))
    let frames = try #require(report["frames"])
    #expect(
      frames.keys == ["total", "free", "fill", "received", "held", "transmit", "completion"])
    let parts = try frames.keys.map { try #require(frames[$0]?.integer) }
    #expect(parts[0] > 0 && parts[0] == parts.dropFirst().reduce(0, +))
    return report
  }
}

extension JSONValue {
  /// A packet counter of a port's report, such as `"received"`.
  func packets(_ port: Int, _ direction: String) throws -> Int {
    try #require(self["ports"]?.elements[port][direction, "packets"]?.integer)
  }

  /// A byte counter of a port's report.
  func bytes(_ port: Int, _ direction: String) throws -> Int {
    try #require(self["ports"]?.elements[port][direction, "bytes"]?.integer)
  }

  /// The causes of drops of a port that are not 0.
  func drops(_ port: Int) throws -> [String: Int] {
    let dropped = try #require(self["ports"]?.elements[port]["dropped"])
    var drops: [String: Int] = [:]
    for key in dropped.keys { drops[key] = dropped[key]?.integer }
    return drops.filter { $0.value != 0 }
  }
}

/// Whether some program is attached to an interface of the current network namespace.
func isSomethingAttached() throws -> Bool {
  try runProgram(["ip", "-d", "link"]).contains("xdp")
}

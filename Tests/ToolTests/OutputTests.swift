import Glibc
import MartletTestKit
import Testing

/// The wire matters more than the words about it.
@Suite(
  "Words that nobody takes", .enabled(if: sockets.isExpected, needsSockets),
  .timeLimit(.minutes(2)))
struct OutputTests {
  /// Starts a wire whose words go where a shell sends them, and waits until it is up.
  private static func started(
    _ redirection: String, after commands: String = "", _ wires: Wires
  ) throws -> Tool {
    let shell = ["bash", "-c", #"\#(commands) exec "$@" \#(redirection)"#, "bash"]
    let tool = try Tool(["forward", "left", "right", "--json"] + Tool.littleMemory, through: shell)
    try expectTraffic(through: tool, wires)
    return tool
  }

  /// Waits until frames pass.
  private static func expectTraffic(through tool: Tool, _ wires: Wires) throws {
    let frame = PacketBuilder().udp(payload: (0..<8).map { _ in UInt8.random(in: 0...255) })
    var hasArrived = false
    for _ in 0..<200 where !hasArrived {
      try wires.left.send(frame)
      hasArrived = try !wires.right.receive(1, timeout: .milliseconds(100)) { $0 == frame }.isEmpty
    }
    try #require(hasArrived, "\(tool.errorLines)")
  }

  /// Ends it and looks at its report.
  private static func expectEnd(of tool: Tool) throws {
    tool.process.signal(SIGTERM)
    #expect(try tool.process.wait(timeout: .seconds(5)) == .exited(0), "\(tool.errorLines)")
    #expect(try tool.report().packets(0, "received") > 0)
  }

  /// Waits while the live line is drawn again, or would be, and looks at traffic and end.
  private static func expectUnharmed(_ tool: Tool, _ wires: Wires) throws {
    _ = try tool.process.wait(timeout: .seconds(2))
    try expectTraffic(through: tool, wires)
    try expectEnd(of: tool)
  }

  @Test("A terminal that was stopped (Ctrl-S) stops neither the wire nor its end")
  func stoppedTerminal() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let terminal = try PseudoTerminal()
      let tool = try Self.started("2>\(terminal.path)", wires)
      try terminal.stop()
      try Self.expectUnharmed(tool, wires)
    }
  }

  @Test("Nor does a terminal that has no room for a whole line")
  func fullTerminal() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let terminal = try PseudoTerminal()
      // A little room is left.
      _ = try terminal.fill(pieces: PseudoTerminal().fill() - 1)
      let tool = try Self.started("2>\(terminal.path)", wires)
      try Self.expectUnharmed(tool, wires)
    }
  }

  @Test("Nor a pipe that is full")
  func fullPipe() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let folder = try TemporaryFolder()
      let pipe = folder.path + "/pipe"
      let fill = "mkfifo \(pipe); exec 3<>\(pipe); head -c 65536 /dev/zero >&3;"
      let tool = try Self.started("2>&3", after: fill, wires)
      try Self.expectEnd(of: tool)
    }
  }

  @Test("Nor a pipe whose reader has gone, before the first line or after it")
  func brokenPipe() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      for reader in ["exec true", "exec head -n 1 >/dev/null"] {
        let tool = try Self.started("2>&3", after: "exec 3> >(\(reader)); sleep 0.2;", wires)
        // There is something to say, and the next frame comes after it.
        for state in ["down", "up"] {
          try runProgram(["ip", "link", "set", "dev", "right", state])
          _ = try tool.process.wait(timeout: .milliseconds(100))
        }
        try Self.expectTraffic(through: tool, wires)
        try Self.expectEnd(of: tool)
      }
    }
  }

  @Test("Closed places of standard input, output and error are nobody else's")
  func closedPlaces() async throws {
    try await withNetworkNamespace {
      let tool = try Self.started("0<&- 1>&- 2>&-", try Wires())
      let places = (0...2).map { "/proc/\(tool.process.identifier)/fd/\($0)" }
      let files = try runProgram(["readlink"] + places)
      #expect(files == String(repeating: "/dev/null\n", count: 3))
      // Its report goes nowhere.
      tool.process.signal(SIGTERM)
      #expect(try tool.process.wait(timeout: .seconds(5)) == .exited(1))
    }
  }

  @Test(
    "A report that cannot be written is an error",
    arguments: [">/dev/full", ">&-", "> >(exec true)", ">&- 2>&-"])
  func lostReport(redirection: String) async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Self.started(redirection, wires)
      tool.process.signal(SIGTERM)
      #expect(try tool.process.wait(timeout: .seconds(5)) == .exited(1))
      #expect(tool.output.isEmpty)
      let isSilent = redirection.hasSuffix("2>&-")
      #expect(tool.errorLines.count == (isSilent ? 0 : 2), "\(tool.errorLines)")
      #expect(isSilent || tool.errorLines.last?.contains("print the report: ") == true)
      #expect(try !isSomethingAttached())
    }
  }
}

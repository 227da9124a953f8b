import Glibc
import MartletTestKit
import Testing

/// A file of rules that vanishes with its holder.
final class RuleTextFile {
  let path: String

  init(_ text: String) throws {
    path = "/tmp/martlet-rules-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try write(text)
  }

  /// Writes it anew.
  func write(_ text: String) throws {
    try runProgram(["sh", "-c", #"printf '%s' "$1" > "$2""#, "sh", text, path])
  }

  deinit { _ = try? runProgram(["rm", "-f", path]) }
}

/// How `martlet rules` ended, and what it said.
struct RulesRun {
  let status: ChildProcess.ExitStatus?
  let output: String
  let errorLines: [String]

  /// Asks about the rules of `left`, or of another interface, perhaps through another program.
  init(_ words: [String], of interface: String = "left", through wrapper: [String] = []) throws {
    let tool = try Tool(["rules", interface] + words, through: wrapper)
    status = try tool.process.wait(timeout: .seconds(20))
    (output, errorLines) = (tool.output, tool.errorLines)
  }

  /// What is printed by something that can be done.
  static func answer(_ words: String..., of interface: String = "left") throws -> String {
    let run = try RulesRun(words, of: interface)
    try #require(run.status == .exited(0), "\(words): \(run.errorLines)")
    #expect(run.errorLines.isEmpty)
    return run.output.hasSuffix("\n") ? String(run.output.dropLast()) : run.output
  }

  /// Checks that something cannot be done: status 1, one line with all of `parts`.
  static func expectRefusal(
    _ words: [String], of interface: String = "left", through wrapper: [String] = [],
    saying parts: String...
  ) throws {
    let run = try RulesRun(words, of: interface, through: wrapper)
    #expect(run.status == .exited(1), "\(words)")
    #expect(run.output.isEmpty)
    #expect(run.errorLines.count == 1, "\(run.errorLines)")
    let line = run.errorLines.first ?? ""
    for part in parts { #expect(line.contains(part), "\(part): \(line)") }
  }
}

@Suite("forward --rules", .enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct RuleFileTests {
  @Test("With --facts packets are counted by the rule that they say named them")
  func facts() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let file = try RuleTextFile("udp dst port 1003 -> socket\nudp dst port 1004 -> socket\n")
      let tool = try Tool.started(
        "forward", "left", "right", "--json", "--facts", "--rules", file.path)
      var packets: [[UInt8]] = []
      for (port, count) in [(1004, 3), (1003, 5), (1002, 7)] as [(UInt16, Int)] {
        var builder = PacketBuilder()
        builder.destination.port = port
        packets += [[UInt8]](repeating: builder.udp(payload: [1, 2, 3]), count: count)
      }
      try wires.left.send(packets)
      #expect(try wires.right.receive(15, timeout: .seconds(10)) == packets)
      let report = try tool.stop()
      let seen = try #require(report["seen"])
      #expect(seen.keys == ["rules", "unknown"] && seen["unknown"]?.integer == 0)
      let rules = try #require(seen["rules"]?.elements)
      #expect(rules.map { $0["id"]?.integer } == [1, 2, nil])
      #expect(rules.prefix(2).map { $0["packets"]?.integer } == [5, 3])
      // What else comes over a fresh cable is named by no rule either.
      #expect((rules.last?["packets"]?.integer ?? 0) >= 7)
    }
  }

  @Test("The capabilities that --help names are enough, with rules and facts")
  func capabilities() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let file = try RuleTextFile("udp dst port 1003 -> drop\n")
      let said = try runProgram([try builtProgram("martlet"), "--help"])
      let sentence = try #require(
        said.split(separator: "Needs root or ").last?.split(separator: ".").first)
      let names = sentence.split { !($0.isLetter || $0 == "_") }.filter { $0.hasPrefix("CAP_") }
      #expect(names.count == 4)
      let set = names.map { "+" + $0.dropFirst(4).lowercased() }.joined(separator: ",")
      let tool = try Tool(
        ["forward", "left", "right", "--json", "--facts", "--rules", file.path]
          + Tool.littleMemory, through: ["setpriv", "--bounding-set", "-all,\(set)"])
      try #require(try tool.process.waitForOutput("martlet: ", timeout: .seconds(20)))
      try #require(tool.errorLines.first?.contains("attached by") == true, "\(tool.errorLines)")
      let packet = PacketBuilder().udp(payload: [1, 2, 3])
      try wires.left.send([packet])
      #expect(try wires.right.receive(1, timeout: .seconds(10)) == [packet])
      _ = try tool.stop()
    }
  }

  @Test("The rules decide first, and what none names is forwarded")
  func rulesDecideFirst() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      // So that the kernel can forward to it.
      try runProgram(["ethtool", "-K", "far-right", "gro", "on"])
      let file = try RuleTextFile(
        """
        # what nobody wants
        udp dst port 1002 -> drop
        arp -> count

        """)
      let more = try RuleTextFile("priority -5 tcp dst port 7 -> forward right\n")
      let tool = try Tool.started(
        "forward", "left", "right", "--json", "--rules", file.path, "--rules", more.path)
      var other = PacketBuilder()
      other.destination.port = 1003
      let dropped = PacketBuilder().udp(payload: [1, 2, 3])
      try wires.left.send([dropped, other.udp(payload: [4]), dropped, other.arpRequest()])
      let arrived = try wires.right.receive(2, timeout: .seconds(10))
      #expect(arrived == [other.udp(payload: [4]), other.arpRequest()])
      other.destination.port = 7
      try wires.left.send(other.tcp(payload: [5]))
      #expect(try wires.right.receive(timeout: .seconds(10)) == other.tcp(payload: [5]))
      let rules = try JSONValue(try RulesRun.answer("list", "--json")).elements
      #expect(rules.map { $0["id"]?.integer } == [1, 2, 3])
      #expect(rules[0].keys == ["id", "rule", "packets", "bytes", "last_seen_seconds"])
      #expect(rules[0]["rule"] == .string("udp and dst port 1002 -> drop"))
      #expect(rules.map { $0["packets"]?.integer } == [2, 1, 1])
      #expect(rules[0]["bytes"]?.integer == 2 * dropped.count)
      guard case .number(let seconds)? = rules[0]["last_seen_seconds"] else {
        Issue.record("never seen")
        return
      }
      #expect(seconds >= 0 && seconds < 60)
      // Both interfaces have one program.
      let lines = try RulesRun.answer("list", of: "right").split(separator: "\n")
      #expect(lines.count == 3)
      let text = "3  priority -5 tcp and dst port 7 -> forward right  1 packets, "
      #expect(lines.last?.hasPrefix(text) == true)
      _ = try RulesRun.answer("add", "sctp -> drop")
      let last = try JSONValue(try RulesRun.answer("list", "--json")).elements.last
      #expect(last?["last_seen_seconds"] == .null)
      let report = try tool.stop()
      #expect(try report.packets(0, "received") == 2)
    }
  }

  @Test(
    "A bad file is refused in one line, with the place",
    arguments: [
      ("arp -> kernel\nudp dst prot 9 -> drop\n", ":2: column 9: `prot`"),
      ("* -> drop\nconfirm within 10s\n", "no rules to go back to"),
      ("* -> forward eth9\n", "eth9: there is no such interface"),
      ("* -> group nobody\n", "nobody"),
    ])
  func badFile(text: String, said: String) async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let file = try RuleTextFile(text)
      let tool = try Tool(["forward", "left", "right", "--rules", file.path])
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(1))
      #expect(tool.errorLines.count == 1, "\(tool.errorLines)")
      #expect(tool.errorLines.first?.contains(said) == true, "\(tool.errorLines)")
      #expect(tool.output.isEmpty)
      #expect(try !isSomethingAttached())
    }
  }

  @Test("Forwarding into a cable that ends elsewhere is noted in one line")
  func endElsewhere() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let elsewhere = try NetworkNamespace()
      _ = try VethPair("out", "end") {
        $0.farNamespace = elsewhere
        $0.queueCount = 2
      }
      // Of an end with fewer queues than the other one sends by the kernel says nothing.
      try runProgram(["ethtool", "-L", "out", "rx", "1"])
      let file = try RuleTextFile("udp -> forward out\nicmp -> forward out ttl\n")
      let tool = try Tool.started("forward", "left", "right", "--json", "--rules", file.path)
      let note = "martlet: forward to out: its peer is in another network namespace"
      #expect(try tool.process.waitForOutput(note, timeout: .seconds(20)))
      let run = try RulesRun(["add", "tcp -> forward out"])
      #expect(run.status == .exited(0) && UInt32(run.output.dropLast()) != nil, "\(run.output)")
      #expect(run.errorLines.count == 1 && run.errorLines.first?.hasPrefix(note) == true)
      // Nothing is said of what can be seen, or is taken away.
      #expect(UInt32(try RulesRun.answer("add", "arp -> drop")) != nil)
      #expect(try RulesRun.answer("remove", String(run.output.dropLast())) == "")
      tool.process.signal(SIGINT)
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(0))
      #expect(tool.errorLines.count == 2, "\(tool.errorLines)")
    }
  }

  @Test func noFile() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool(["forward", "left", "right", "--rules", "/nowhere/rules"])
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(1))
      #expect(tool.errorLines.count == 1)
      #expect(tool.errorLines.first?.contains("/nowhere/rules") == true)
    }
  }
}

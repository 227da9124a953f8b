import Glibc
import MartletTestKit
import Testing
import XSK

@Suite("rules", .enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct RulesTests {
  /// Two hosts that reach each other through the tool alone.
  private struct Hosts {
    let near: NetworkNamespace
    let far: NetworkNamespace

    init() throws {
      (near, far) = (try NetworkNamespace(), try NetworkNamespace())
      _ = try VethPair("left", "host") {
        $0.farNamespace = near
        $0.farAddress = "10.0.0.1/24"
      }
      _ = try VethPair("right", "host") {
        $0.farNamespace = far
        $0.farAddress = "10.0.0.2/24"
      }
    }

    /// Sends echo requests for as long as it is not stopped.
    func ping(_ options: String...) throws -> ChildProcess {
      try near.run { try ChildProcess(["ping", "-n"] + options + ["10.0.0.2"]) }
    }
  }

  @Test("Rules change under ping, which loses nothing")
  func changesUnderPing() async throws {
    try await withNetworkNamespace {
      let hosts = try Hosts()
      let tool = try Tool.started("forward", "left", "right", "--json")
      // With a deadline ping waits for what is late. It sends on meanwhile: the first 300 count.
      let ping = try hosts.ping("-i", "0.01", "-c", "300", "-w", "50")
      #expect(try RulesRun.answer("list") == "")
      let first = try RulesRun.answer("add", "udp dst port 9 -> drop")
      let second = try RulesRun.answer("add", "icmp -> count")
      #expect(first != second)
      #expect(try RulesRun.answer("remove", first) == "")
      let file = try RuleTextFile("icmp -> count\ntcp dst port 7 -> drop\n")
      let replaced = try RulesRun.answer("replace", file.path).split(separator: "\n")
      #expect(replaced.count == 2)
      let rules = try JSONValue(try RulesRun.answer("list", "--json")).elements
      #expect(rules.map { $0["id"]?.integer } == replaced.map { Int($0) })
      // A rule that is there before and after stays the same one.
      #expect(replaced.first.map(String.init) == second)
      try RulesRun.expectRefusal(["remove", first], saying: "there is no rule \(first)")
      // The command's own rule is not to be had.
      try RulesRun.expectRefusal(["remove", "1"], saying: "there is no rule 1")
      #expect(try ping.wait(timeout: .seconds(60)) == .exited(0))
      let said = String(decoding: ping.standardOutput, as: UTF8.self)
      let lost = (1...300).filter { !said.contains("icmp_seq=\($0) ttl=") }
      #expect(lost.isEmpty, "\(said.suffix(200))")
      _ = try tool.stop()
    }
  }

  @Test("A change that is not confirmed is undone, one that is stays")
  func confirmation() async throws {
    try await withNetworkNamespace {
      let hosts = try Hosts()
      let tool = try Tool.started("forward", "left", "right", "--json")
      _ = try RulesRun.answer("add", "--confirm-within", "2", "icmp -> drop")
      #expect(try hosts.ping("-c", "1", "-W", "0.3").wait(timeout: .seconds(20)) == .exited(1))
      try RulesRun.expectRefusal(["add", "arp -> count"], saying: "not confirmed yet")
      #expect(try hosts.ping("-c", "1", "-w", "10").wait(timeout: .seconds(20)) == .exited(0))
      #expect(try RulesRun.answer("list") == "")
      try RulesRun.expectRefusal(["confirm"], saying: "no change waits")
      _ = try RulesRun.answer("add", "icmp -> count", "--confirm-within", "60")
      #expect(try RulesRun.answer("confirm") == "")
      _ = try RulesRun.answer("add", "arp -> count", "--confirm-within", "60")
      #expect(try RulesRun.answer("rollback") == "" && RulesRun.answer("rollback") == "")
      let listed = try RulesRun.answer("list")
      #expect(listed.contains("proto 1 -> count") && !listed.contains("arp"))
      try RulesRun.expectRefusal(["add", "arp -> drop\ntcp -> bogus"], saying: "line 2, column 8")
      _ = try tool.stop()
    }
  }

  @Test("What decides about a packet, and why the others do not")
  func explains() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("sink", "left", "--json")
      let frame = PacketBuilder().udp(payload: [UInt8](repeating: 1, count: 32))
      let digits = frame.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(try RulesRun.answer("explain", digits) == "no rule: socket")
      #expect(try RulesRun.answer("add", "tcp -> drop") == "2")
      #expect(try RulesRun.answer("add", "udp dst port 1002 -> kernel") == "3")
      let lines = try RulesRun.answer("explain", digits).split(separator: "\n")
      #expect(lines.first == "rule 3: kernel")
      #expect(lines.contains { $0.hasPrefix("  2: differs in ") })
      #expect(lines.contains("  3: decides"))
      #expect(lines.count == 3)
      try RulesRun.expectRefusal(["explain", digits, "--queue", "7"], saying: "no port")
      try RulesRun.expectRefusal(["explain", "00ff"], saying: "14 bytes")
      _ = try tool.stop()
    }
  }

  @Test("Every second the rules whose counters changed")
  func watches() async throws {
    try await withNetworkNamespace {
      let hosts = try Hosts()
      let tool = try Tool.started("forward", "left", "right", "--json")
      _ = try RulesRun.answer("add", "icmp -> count")
      _ = try RulesRun.answer("add", "tcp -> drop")
      let ping = try hosts.ping("-i", "0.2", "-c", "30")
      let lines = try RulesRun.answer("watch", "--count", "2").split(separator: "\n")
      #expect(lines.count == 2)
      #expect(lines.allSatisfy { $0.hasPrefix("2  ip and proto 1 -> count  ") }, "\(lines)")
      // Whoever has read enough ends it, without a word.
      let reader = ["bash", "-c", #"set -o pipefail; "$@" | head -n 1"#, "bash"]
      let run = try RulesRun(["watch"], through: reader)
      #expect(run.status == .exited(128 + SIGPIPE) && run.errorLines.isEmpty)
      ping.signal(SIGKILL)
      _ = try tool.stop()
    }
  }

  @Test("A bad rule, from the command line and from standard input")
  func badRules() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("reflect", "left", "--json")
      try RulesRun.expectRefusal(
        ["add", "udp dst prot 9 -> drop"], saying: "the rule: column 9: `prot`",
        "did you mean `port`?")
      try RulesRun.expectRefusal(["add", "# nothing"], saying: "there is none")
      try RulesRun.expectRefusal(["add", "* -> group nobody"], saying: "nobody")
      try RulesRun.expectRefusal(["replace", "/nowhere/rules"], saying: "/nowhere/rules")
      try RulesRun.expectRefusal(["replace", "/dev/zero"], saying: "longer than 4000000 bytes")
      try RulesRun.expectRefusal(["add", "\u{1B}[2Judp -> drop"], saying: "`?[2Judp` is no field")
      try RulesRun.expectRefusal(
        ["add", "\u{202E}udp -> drop"], saying: "`?udp` is no field")
      try RulesRun.expectRefusal(["replace", ""], saying: "read \"\": it cannot be read")
      try RulesRun.expectRefusal(["list"], of: "le\nft", saying: "use le?ft: there is no such")
      let file = try RuleTextFile("arp -> count\nicmp -> cuont\n")
      try RulesRun.expectRefusal(
        ["replace", file.path], saying: "\(file.path):2: column 9: `cuont`", "`count`")
      let shell = ["sh", "-c", #"exec "$@" < \#(file.path)"#, "sh"]
      try RulesRun.expectRefusal(
        ["add", "-"], through: shell, saying: "standard input:2: column 9")
      try file.write("priority -9223372036854775808 arp -> count\n")
      try RulesRun.expectRefusal(
        ["add", "-"], through: shell, saying: "standard input:1: column 10")
      try file.write("priority -9223372036854775807 arp -> count\nicmp -> count\n")
      let run = try RulesRun(["add", "-"], through: shell)
      #expect(run.output == "2\n3\n", "\(run.errorLines)")
      let full = ["sh", "-c", #"exec "$@" > /dev/full"#, "sh"]
      for words in [["list"], ["list", "--json"], ["add", "arp -> count"]] {
        try RulesRun.expectRefusal(words, through: full, saying: "standard output takes nothing")
      }
      _ = try tool.stop()
    }
  }

  @Test("Whoever is another user is refused, even where files do not stop him")
  func permission() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try RulesRun.expectRefusal(["list"], saying: "no process serves this interface")
      try RulesRun.expectRefusal(["list"], of: "eth9", saying: "eth9", "no such interface")
      let tool = try Tool.started("sink", "left", "--json")
      let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
      // The program may lie where nobody else may look: it comes through an open file.
      let program = try builtProgram("martlet")
      func run(_ wrapper: [String]) throws -> (ChildProcess.ExitStatus?, String) {
        let copy = "/tmp/martlet-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try runProgram(["install", "-m", "755", program, copy])
        defer { _ = try? runProgram(["rm", "-f", copy]) }
        let child = try ChildProcess(wrapper + [copy, "rules", "left", "list"])
        let status = try child.wait(timeout: .seconds(20))
        return (status, String(decoding: child.standardError, as: UTF8.self))
      }
      let plain = try run(nobody)
      #expect(plain.0 == .exited(1) && plain.1.contains("another user's"), "\(plain.1)")
      let powers = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
      let strong = try run(nobody + powers)
      #expect(strong.0 == .exited(1) && strong.1.contains("not permitted"), "\(strong.1)")
      #expect(try RulesRun.answer("list") == "")
      _ = try tool.stop()
      try RulesRun.expectRefusal(["list"], saying: "no process serves this interface")
    }
  }

  @Test("The socket of a process that was killed is replaced, and none is left at the end")
  func staleSocket() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let killed = try Tool.started("sink", "left", "--json")
      killed.process.signal(SIGKILL)
      #expect(try killed.process.wait(timeout: .seconds(20)) == .signalled(SIGKILL))
      let space = try runProgram(["stat", "-Lc", "%i", "/proc/self/ns/net"]).split(separator: "\n")
      let number = try runProgram(["ip", "-o", "link", "show", "left"]).prefix { $0 != ":" }
      let path = "/run/martlet/\(space.joined())-\(number)"
      #expect(try runProgram(["stat", "-c", "%F %a", path]) == "socket 600\n")
      #expect(try runProgram(["stat", "-c", "%a", "/run/martlet"]) == "700\n")
      try RulesRun.expectRefusal(["list"], saying: "no process serves this interface")
      let tool = try Tool.started("sink", "left", "--json")
      #expect(try RulesRun.answer("add", "arp -> count") == "2")
      _ = try tool.stop()
      #expect(throws: (any Error).self) { try runProgram(["stat", path]) }
    }
  }

  @Test("A change that nobody waits for any more is not made")
  func givenUp() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("sink", "left", "--json")
      tool.process.signal(SIGSTOP)
      // Its request lies in the socket until the process goes on.
      let asking = try Tool(["rules", "left", "add", "icmp -> drop"])
      usleep(1_500_000)
      asking.process.signal(SIGKILL)
      #expect(try asking.process.wait(timeout: .seconds(20)) == .signalled(SIGKILL))
      tool.process.signal(SIGCONT)
      #expect(try RulesRun.answer("list") == "")
      #expect(try RulesRun.answer("add", "arp -> count") == "2")
      _ = try tool.stop()
    }
  }

  @Test("Who says nothing keeps nobody from asking for long")
  func silentCallers() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("sink", "left", "--json")
      let left = try Interface(named: "left")
      var silent: [Caller] = []
      for _ in 0..<16 { silent.append(Caller(try ControlAddress.connect(to: left))) }
      try RulesRun.expectRefusal(["list"], saying: "too many ask at once")
      usleep(5_500_000)
      #expect(try RulesRun.answer("list") == "")
      #expect(silent.count == 16)
      _ = try tool.stop()
    }
  }

  /// A connection that can stand in an array.
  private final class Caller {
    let socket: PeerSocket

    init(_ socket: consuming PeerSocket) { self.socket = socket }
  }

  @Test("Thousands of rules at once, in and out; not one too many")
  func manyRules() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("sink", "left", "--json")
      let rules = (1...4096).map { "udp dst port \($0) -> count\n" }
      let file = try RuleTextFile(rules.joined())
      #expect(try RulesRun.answer("replace", file.path).split(separator: "\n").count == 4096)
      try RulesRun.expectRefusal(["add", "arp -> drop"], saying: "4097 rules, more than 4096")
      #expect(try RulesRun.answer("list").split(separator: "\n").count == 4096)
      try file.write(rules.joined() + "arp -> drop\n")
      try RulesRun.expectRefusal(["replace", file.path], saying: "4097 rules, more than 4096")
      let further = try Tool(["forward", "left", "right", "--rules", file.path])
      #expect(try further.process.wait(timeout: .seconds(20)) == .exited(1))
      #expect(further.errorLines.joined().contains("4097 rules, more than 4096"))
      #expect(try RulesRun.answer("replace", "/dev/null") == "")
      #expect(try RulesRun.answer("list") == "")
      _ = try tool.stop()
    }
  }
}

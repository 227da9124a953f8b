import Glibc
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// The examples, run as their READMEs say.
@Suite(
  .enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(2)))
struct ExampleTests {
  @Test func echoAnswersPingAndLeavesTheRestToTheKernel() async throws {
    try await withNetworkNamespace {
      let pinger = try NetworkNamespace()
      _ = try VethPair("host", "pinger") {
        $0.queueCount = 2
        $0.farNamespace = pinger
        $0.nearAddress = "10.0.0.1/24"
        $0.farAddress = "10.0.0.2/24"
      }
      let echo = try started("echo", "host", "10.0.0.7", saying: "answering pings to 10.0.0.7")
      // 1,200 bytes too: what comes back has to be what was sent, or ping says so.
      let replies = try pinger.run { try ping("10.0.0.7", "-s", "1200", "-p", "a5") }
      #expect(areWhole(replies) && !replies.contains("wrong data"), "\(replies)")
      // The kernel's own address is the kernel's, its ARP too.
      #expect(areWhole(try pinger.run { try ping("10.0.0.1") }))
      let neighbours = try pinger.run { try runProgram(["ip", "neighbour", "show"]) }
      let addresses = neighbours.split(separator: "\n").compactMap { line -> Substring? in
        let words = line.split(separator: " ")
        return words.firstIndex(of: "lladdr").map { words[$0 + 1] }
      }
      #expect(addresses.count == 2 && Set(addresses).count == 1, "\(neighbours)")
      echo.signal(SIGINT)
      #expect(try echo.wait(timeout: .seconds(20)) == .exited(0))
      #expect(text(echo.standardOutput).contains(" answers"))
      #expect(try runProgram(["ip", "-d", "link"]).contains("xdp") == false)
    }
  }

  @Test func forwardTakesOneOffTheTimeToLive() async throws {
    try await withNetworkNamespace {
      let client = try NetworkNamespace()
      let server = try NetworkNamespace()
      _ = try VethPair("left", "client") {
        $0.farNamespace = client
        $0.farAddress = "10.0.0.1/24"
      }
      _ = try VethPair("right", "server") {
        $0.farNamespace = server
        $0.farAddress = "10.0.0.2/24"
      }
      let forward = try started("forward", "left", "right", saying: "forwarding between")
      let replies = try client.run { try ping("10.0.0.2") }
      #expect(areWhole(replies) && replies.contains(" ttl=63 "), "\(replies)")
      // With one hop to live it goes no further.
      #expect(throws: (any Error).self) {
        try client.run {
          try runProgram(["ping", "-n", "-t", "1", "-c", "2", "-W", "1", "-i", "0.2", "10.0.0.2"])
        }
      }
      forward.signal(SIGINT)
      #expect(try forward.wait(timeout: .seconds(20)) == .exited(0))
      #expect(text(forward.standardOutput).contains("left queue 0"))
      #expect(text(forward.standardOutput).contains(", 2 dropped"))
    }
  }

  /// Two namespaces: what splits stands between a router and the server, on the router's machine.
  @Test func flowsplitGivesFlowsToProcessesOfTheirOwn() async throws {
    try await withNetworkNamespace {
      let client = try NetworkNamespace()
      let server = try NetworkNamespace()
      _ = try VethPair("toClient", "eth") {
        $0.farNamespace = client
        $0.nearAddress = "10.1.0.9/24"
        $0.farAddress = "10.1.0.1/24"
      }
      _ = try VethPair("toDevice", "near") {
        $0.queueCount = 4
        $0.nearAddress = "10.2.0.9/24"
      }
      _ = try VethPair("out", "eth") {
        $0.farNamespace = server
        $0.farAddress = "10.2.0.2/24"
      }
      try runProgram(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
      for (place, gateway) in [(client, "10.1.0.9"), (server, "10.2.0.9")] {
        try place.run { try runProgram(["ip", "route", "add", "default", "via", gateway]) }
      }
      let split = try started(
        "flowsplit", "near", "out", "udp 10.1.0.1 6001 10.2.0.2 5301",
        "udp 10.1.0.1 6002 10.2.0.2 5302", "tcp 10.1.0.1 7003 10.2.0.2 5403",
        saying: "splitting what comes in")
      // What is no flow's passes as well.
      #expect(areWhole(try client.run { try ping("10.2.0.2") }))
      // First what nobody waits for: it is read long before the end.
      try client.run {
        let flow = "UDP:10.2.0.2:5301,bind=10.1.0.1:6001"
        try runProgram(["bash", "-c", "seq 50 | socat -u -b8 - \(flow)"])
      }
      let taker = try server.run { try ChildProcess(["socat", "-u", "TCP-LISTEN:5403", "-"]) }
      let giver = try client.run {
        let ends = "TCP:10.2.0.2:5403,bind=10.1.0.1:7003,retry=50,interval=0.1"
        return try ChildProcess(["bash", "-c", "seq 50000 | socat -u - \(ends)"])
      }
      // What the taker prints is read meanwhile: pipe and sockets need not hold all of it, and then
      // the giver waits for ever.
      #expect(try taker.wait(timeout: .seconds(30)) == .exited(0))
      #expect(try giver.wait(timeout: .seconds(20)) == .exited(0))
      #expect(text(taker.standardOutput) == (1...50_000).map { "\($0)\n" }.joined())
      split.signal(SIGINT)
      #expect(try split.wait(timeout: .seconds(20)) == .exited(0))
      let said = text(split.standardOutput).split(separator: "\n")
      #expect(said.count { $0.contains("steered (exact)") } == 3)
      let readings = said.filter { $0.contains("0 others, read by user 65534") }
      #expect(readings.count == 3, "\(said)")
      for (flow, least) in [("6001", 10), ("6002", 0), ("7003", 200)] {
        let line = readings.first { $0.contains(":\(flow) ") } ?? ""
        let count = line.split(separator: ":").last?.split(separator: " ").first.flatMap { Int($0) }
        #expect(count ?? -1 >= least, "\(line)")
      }
      #expect(try runProgram(["ip", "-d", "link"]).contains("xdp") == false)
    }
  }

  @Test(arguments: ["echo", "forward", "flowsplit"])
  func mistakesAreSaidOnOneLine(_ name: String) async throws {
    try await withNetworkNamespace {
      let usage = try ChildProcess([try builtProgram(name)])
      #expect(try usage.wait(timeout: .seconds(20)) == .exited(64))
      #expect(text(usage.standardError).hasPrefix("\(name): usage: "))
      let arguments =
        name == "flowsplit"
        ? ["nowhere", "lo"] + (1...3).map { "udp 10.0.0.1 \($0) 10.0.0.2 \($0)" }
        : ["nowhere", "10.0.0.7"]
      let wrong = try ChildProcess([try builtProgram(name)] + arguments)
      #expect(try wrong.wait(timeout: .seconds(20)) == .exited(1))
      #expect(text(wrong.standardError).contains("there is no such interface here"))
      #expect(text(wrong.standardError).split(separator: "\n").count == 1)
    }
  }
}

/// Starts an example and waits until it says that it is at work.
private func started(_ program: String..., saying line: String) throws -> ChildProcess {
  // What it prints goes to a pipe: without a terminal lines are not shown one by one.
  let path = try builtProgram(program[0])
  let process = try ChildProcess(["stdbuf", "-oL", path] + program.dropFirst())
  guard try process.waitForOutput(line, timeout: .seconds(30)) else {
    throw Silence(program: program[0], error: text(process.standardError))
  }
  return process
}

/// An example did not say that it is at work.
private struct Silence: Error {
  let program: String
  let error: String
}

// With a deadline: without one, ping waits for the last replies for no longer than two round trips
// took so far, whatever -W says. It sends on while replies are late, so the first 20 count.
private func ping(_ address: String, _ options: String...) throws -> String {
  try runProgram(["ping", "-n", "-i", "0.02", "-c", "20", "-w", "20"] + options + [address])
}

private func areWhole(_ replies: String) -> Bool {
  (1...20).allSatisfy { replies.contains(" icmp_seq=\($0) ttl=") }
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

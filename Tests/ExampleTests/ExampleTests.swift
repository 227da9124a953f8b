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
      #expect(replies.contains(" 20 received") && !replies.contains("wrong data"))
      // The kernel's own address is the kernel's, its ARP too.
      #expect(try pinger.run { try ping("10.0.0.1") }.contains(" 20 received"))
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
      #expect(replies.contains(" 20 received") && replies.contains(" ttl=63 "))
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

  @Test(arguments: ["echo", "forward"])
  func mistakesAreSaidOnOneLine(_ name: String) async throws {
    try await withNetworkNamespace {
      let usage = try ChildProcess([try builtProgram(name)])
      #expect(try usage.wait(timeout: .seconds(20)) == .exited(64))
      #expect(text(usage.standardError).hasPrefix("\(name): usage: "))
      let wrong = try ChildProcess([try builtProgram(name), "nowhere", "10.0.0.7"])
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

// Without a deadline: with one, ping sends more than it was told while replies are late.
private func ping(_ address: String, _ options: String...) throws -> String {
  try runProgram(["ping", "-n", "-i", "0.02", "-c", "20", "-W", "20"] + options + [address])
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

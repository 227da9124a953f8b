import Glibc
import MartletTestKit
import Testing

@Suite("The end", .enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct StopTests {
  /// What a run may take from its signal or its time to its end: 100 ms and 16 ms per queue on a
  /// machine that has nothing else to do, three times that among other tests in a debug build.
  private static func limit(queues: Int) -> Duration { .milliseconds(100 + 16 * queues) * 3 }

  @Test("What a killed run turned off, the next one turns on again when it ends")
  func killed() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try runProgram(["ethtool", "-K", "left", "rxvlan", "on"])
      let before = try Self.offloads(of: "left")
      #expect(before.contains("rx-vlan-offload: on"))
      for signal in [SIGKILL, SIGKILL, SIGTERM] {
        let tool = try Tool.started("forward", "left", "right", "--json")
        #expect(try Self.offloads(of: "left").contains("rx-vlan-offload: off"))
        tool.process.signal(signal)
        _ = try tool.process.wait(timeout: .seconds(20))
      }
      #expect(try Self.offloads(of: "left") == before)
    }
  }

  private static func offloads(of interface: String) throws -> [String] {
    try runProgram(["ethtool", "-k", interface]).split(separator: "\n").map(String.init)
  }

  @Test(
    "A signal ends it under traffic: soon, status 0, detached",
    arguments: [SIGINT, SIGTERM, SIGHUP])
  func signalUnderTraffic(signal: Int32) async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let flood = Flood(wires)
      // Other tests keep the machine busy: one run of several has to be in time.
      var shortest = Duration.seconds(100)
      for _ in 0..<8 where shortest > Self.limit(queues: 2) {
        let tool = try Tool.started("forward", "left", "right", "--json")
        // A tap of its own, which has not seen what went before.
        _ = try PacketTap("far-right").receive(100, timeout: .seconds(10))
        let start = ContinuousClock.now
        tool.process.signal(signal)
        #expect(try tool.process.wait(timeout: .seconds(10)) == .exited(0))
        shortest = min(shortest, start.duration(to: .now))
        #expect(try tool.report().packets(0, "received") >= 100)
        #expect(try !isSomethingAttached())
      }
      try flood.stop()
      #expect(shortest <= Self.limit(queues: 2))
    }
  }

  @Test func secondsEndIt() async throws {
    try await withNetworkNamespace {
      _ = try Wires(queueCount: 2)
      var shortest = Duration.seconds(100)
      for _ in 0..<8 where shortest > .milliseconds(250) + Self.limit(queues: 4) {
        let tool = try Tool.started("forward", "left", "right", "--json", "--seconds", "0.25")
        let start = ContinuousClock.now
        #expect(try tool.process.wait(timeout: .seconds(10)) == .exited(0))
        shortest = min(shortest, start.duration(to: .now))
        guard case .number(let seconds)? = try tool.report()["seconds"] else { continue }
        #expect(seconds >= 0.25)
      }
      #expect(shortest <= .milliseconds(250) + Self.limit(queues: 4))
    }
  }

  @Test("A signal before everything is up is not lost, and leaves nothing")
  func signalDuringStart() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      for delay in [10, 20, 30, 40, 60, 80] {
        let tool = try Tool(["forward", "left", "right", "--json"])
        _ = try tool.process.wait(timeout: .milliseconds(delay))
        tool.process.signal(SIGTERM)
        let status = try tool.process.wait(timeout: .seconds(10))
        // The loader runs first, when nobody has asked for signals yet.
        #expect(status == .exited(0) || (status == .signalled(SIGTERM) && tool.output.isEmpty))
        #expect(try !isSomethingAttached())
      }
    }
  }

  @Test("While nothing happens, it costs nothing")
  func idleCostsNothing() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--json", "--seconds", "3")
      // What belongs to its start is over then.
      _ = try tool.process.wait(timeout: .milliseconds(500))
      let before = try processorTime(of: tool.process.identifier)
      _ = try tool.process.wait(timeout: .milliseconds(1500))
      let spent = try processorTime(of: tool.process.identifier) - before
      // Less than 1 % of 1.5 s.
      #expect(spent < .milliseconds(15))
      #expect(try tool.process.wait(timeout: .seconds(10)) == .exited(0))
    }
  }
}

/// Processor time of all threads of a process so far, as the scheduler adds it up.
///
/// The times of proc(5)'s `stat` are guessed from who runs when a clock ticks.
private func processorTime(of process: Int32) throws -> Duration {
  let text = try runProgram(["sh", "-c", "cat /proc/\(process)/task/*/schedstat"])
  let times = text.split(separator: "\n").compactMap { $0.split(separator: " ").first }
  try #require(!times.isEmpty)
  return try .nanoseconds(times.reduce(0) { try $0 + #require(Int64($1)) })
}

import MartletTestKit
import Testing

@Suite(
  "Interfaces that change", .enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct LinkTests {
  @Test("An interface vanishes under traffic: the report, one line, status 1, conserved")
  func vanishes() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--json")
      let flood = Flood(wires)
      _ = try wires.right.receive(100, timeout: .seconds(10))
      try runProgram(["ip", "link", "del", "right"])
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(1))
      try flood.stop()
      #expect(tool.errorLines.count == 2)
      #expect(tool.errorLines.last?.hasPrefix("martlet: ") == true)
      #expect(tool.errorLines.last?.contains("right: the interface vanished") == true)
      let report = try tool.report()
      #expect(try report.packets(0, "received") >= 100)
      #expect(report["frames", "transmit"]?.integer == 0)
      #expect(try !isSomethingAttached())
    }
  }

  @Test("Without a free file descriptor no interface is taken for gone")
  func looksWithoutDescriptors() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--json")
      let limit = ["prlimit", "--pid", "\(tool.process.identifier)"]
      try runProgram(limit + ["--nofile=3:"])
      // The change of any interface makes it look at its own.
      _ = try VethPair("other", "far-other")
      for frame in numberedFrames(20) {
        try wires.left.send(frame)
        #expect(try wires.right.receive(timeout: .seconds(5)) == frame)
      }
      try runProgram(limit + ["--nofile=1024:"])
      #expect(try tool.stop().packets(0, "received") == 20)
    }
  }

  @Test("An interface goes down and comes back: a line each, and traffic goes on")
  func goesDownAndUp() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--json")
      for round in 1...2 {
        try runProgram(["ip", "link", "set", "right", "down"])
        let down = "martlet: right is down, waiting until it is up again\n"
        #expect(try tool.waitForErrors([down], times: round))
        try runProgram(["ip", "link", "set", "right", "up"])
        #expect(try tool.waitForErrors([down, "martlet: right is up again\n"], times: round))
      }
      let frame = PacketBuilder().udp()
      var arrived: [UInt8]?
      // The carrier comes a moment after the interface.
      for _ in 0..<100 where arrived == nil {
        try wires.left.send(frame)
        arrived = try wires.right.receive(timeout: .milliseconds(100))
      }
      #expect(arrived == frame)
      tool.process.signal(2)
      #expect(try tool.process.wait(timeout: .seconds(10)) == .exited(0))
      #expect(tool.errorLines.count == 5)
      _ = try tool.report()
    }
  }
}

extension Tool {
  /// Waits until these lines have each been said so often on standard error.
  func waitForErrors(_ lines: [String], times: Int) throws -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      let text = String(decoding: process.standardError, as: UTF8.self)
      if lines.allSatisfy({
        text.split(separator: $0, omittingEmptySubsequences: false).count > times
      }
      ) {
        return true
      }
      _ = try process.wait(timeout: .milliseconds(10))
    }
    return false
  }
}

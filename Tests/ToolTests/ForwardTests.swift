import Glibc
import MartletTestKit
import Testing

@Suite(.enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct ForwardTests {
  @Test("Every frame leaves byte for byte, in order, in both directions")
  func isTransparent() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--json")
      let frames = oddFrames()
      let back = Array(frames.reversed())
      for (there, here) in zip(frames, back) {
        try wires.left.send(there)
        try wires.right.send(here)
      }
      let arrived = try wires.right.receive(frames.count, timeout: .seconds(10))
      let returned = try wires.left.receive(frames.count, timeout: .seconds(10))
      #expect(arrived == frames)
      #expect(returned == back)
      let report = try tool.stop()
      for port in 0...1 {
        #expect(try report.packets(port, "received") == frames.count)
        #expect(try report.packets(port, "sent") == frames.count)
        #expect(try report.bytes(port, "received") == frames.joined().count)
        #expect(try report.bytes(port, "sent") == frames.joined().count)
        #expect(try report.drops(port) == [:])
      }
      #expect(try !isSomethingAttached())
    }
  }

  @Test("Thousands of frames keep their order", arguments: [["--wait"], ["--spin", "--cpu", "0"]])
  func keepsOrder(options: [String]) async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool(
        ["forward", "left", "right", "--json", "--chunk", "4096", "--memory", "4M"] + options)
      try #require(try tool.process.waitForOutput("martlet: forwarding", timeout: .seconds(20)))
      let frames = numberedFrames(4000)
      // In portions, since nobody holds the sender back where the tool is too slow for it.
      for start in stride(from: 0, to: frames.count, by: 200) {
        let portion = Array(frames[start..<start + 200])
        try wires.left.send(portion)
        try wires.right.send(portion)
        #expect(try wires.right.receive(200, timeout: .seconds(10)) == portion)
        #expect(try wires.left.receive(200, timeout: .seconds(10)) == portion)
      }
      let report = try tool.stop(SIGTERM)
      for port in 0...1 {
        let drops = try report.drops(port)
        #expect(try report.packets(port, "received") == frames.count, "\(drops)")
        #expect(try report.packets(port, "sent") == frames.count, "\(drops)")
      }
    }
  }

  @Test("The line when everything is up, and every key of the report")
  func reports() async throws {
    try await withNetworkNamespace {
      _ = try Wires(queueCount: 2)
      let tool = try Tool.started(
        "forward", "left", "right", "--json", "--mode", "generic")
      #expect(
        tool.errorLines == [
          "martlet: forwarding left <-> right, 2 queues each, generic (asked for), attached by link"
        ])
      let report = try tool.stop()
      guard case .number(let seconds)? = report["seconds"] else {
        Issue.record("no seconds")
        return
      }
      #expect(seconds >= 0 && seconds < 20)
      #expect(report["frames", "total"]?.integer == 32_768)
      let ports = try #require(report["ports"]?.elements)
      #expect(
        ports.map { $0["interface"] } == ["left", "left", "right", "right"].map { .string($0) })
      #expect(ports.map { $0["queue"]?.integer } == [0, 1, 0, 1])
      for port in ports {
        #expect(
          port.keys == [
            "interface", "queue", "mode", "mode_reason", "attachment", "driver", "received",
            "sent", "dropped", "fill_waits",
          ])
        #expect(port["mode"] == .string("generic"))
        #expect(port["mode_reason"] == .string("asked for"))
        #expect(port["attachment"] == .string("link"))
        #expect(port["received"]?.keys == ["packets", "bytes"])
        #expect(port["sent"]?.keys == ["packets", "bytes"])
        #expect(
          port["dropped"]?.keys == [
            "rx_ring_full", "fill_empty", "tx_full", "tx_invalid", "too_long", "verdict", "quota",
            "broken",
            "interface_gone",
          ])
      }
    }
  }

  @Test("Without a terminal and without --json: a table on standard output, one line of news")
  func table() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--seconds", "1.2")
      try wires.left.send(numberedFrames(3))
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(0))
      #expect(tool.errorLines.count == 1)
      let bytes = numberedFrames(3).joined().count
      let words = tool.output.split(separator: "\n").map {
        $0.split(separator: " ").map(String.init)
      }
      #expect(words.contains(["left", "0", "copy", "3", "\(bytes)", "0", "0", "nothing"]))
      #expect(words.contains(["right", "0", "copy", "0", "0", "3", "\(bytes)", "nothing"]))
      #expect(words.contains(["conserved"]))
      #expect(tool.output.contains("attached by link; after a crash nothing stays"))
      #expect(tool.output.contains("does not offer zero copy"))
    }
  }

  @Test("One queue of two: the others' packets are the kernel's")
  func oneQueue() async throws {
    try await withNetworkNamespace {
      _ = try Wires(queueCount: 2)
      let tool = try Tool.started("forward", "left", "right", "--json", "--queue", "1")
      let ports = try #require(try tool.stop()["ports"]?.elements)
      #expect(ports.map { $0["queue"]?.integer } == [1, 1])
    }
  }

  @Test("On a terminal a line is drawn anew every second, and on that line nothing is left")
  func liveLine() async throws {
    try await withNetworkNamespace {
      let wires = try Wires()
      let command = "forward left right --json --seconds 4.5 --memory 2M"
      // script(1) gives the program a terminal, for both of its outputs.
      let terminal = try ChildProcess([
        "script", "-qec", "\(try builtProgram("martlet")) \(command)", "/dev/null",
      ])
      try #require(try terminal.waitForOutput("attached by link", timeout: .seconds(20)))
      try wires.left.send(numberedFrames(100))
      #expect(try terminal.wait(timeout: .seconds(20)) == .exited(0))
      let text = String(decoding: terminal.standardOutput, as: UTF8.self)
      let drawn = text.split(separator: "\r\u{1B}[K", omittingEmptySubsequences: false)
      let rates = drawn.filter { $0.hasPrefix("packets/s: ") }
      // Four, or fewer where others keep the processors busy.
      #expect((2...4).contains(rates.count), "\(rates)")
      #expect(rates.allSatisfy { $0.count < 80 && !$0.contains("\n") })
      #expect(rates.first?.contains(/-> \d+ in \d+ out  <- 0 in 0 out  0 drops  copy/) == true)
      #expect(rates.first?.contains("-> 0 in") == false)
      // The report stands on a line of its own.
      #expect(drawn.last?.hasPrefix("{") == true)
    }
  }

  @Test func staysOnItsProcessor() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let tool = try Tool.started("forward", "left", "right", "--json", "--cpu", "0")
      let status = try runProgram(["cat", "/proc/\(tool.process.identifier)/status"])
      #expect(status.contains("Cpus_allowed_list:\t0\n"))
      _ = try tool.stop()
    }
  }
}

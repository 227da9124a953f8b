import Glibc
import MartletTestKit
import Testing

/// Commands on interfaces with several queues: a worker for each.
@Suite("workers", .enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct WorkerTests {
  /// One datagram of each of 64 flows: the hash leaves no queue out.
  private static let packets: [[UInt8]] = (0..<64).map { flow in
    var builder = PacketBuilder()
    builder.source.port = UInt16(20_000 + flow)
    return builder.udp(payload: [UInt8](repeating: UInt8(flow), count: 40))
  }

  /// Threads of a process.
  private func threadCount(of process: Int32) throws -> Int {
    try runProgram(["ls", "/proc/\(process)/task"]).split(separator: "\n").count
  }

  @Test("A worker for each processor named, and every packet passes once", arguments: [2, 4])
  func forward(queueCount: Int) async throws {
    try await withNetworkNamespace {
      let wires = try Wires(queueCount: queueCount)
      let processors = ProcessorList.usable.prefix(2).joined(separator: ",")
      let tool = try Tool.started("forward", "left", "right", "--json", "--cpu", processors)
      let workers = processors.split(separator: ",").count
      #expect(try threadCount(of: tool.process.identifier) == workers)
      for _ in 0..<4 {
        try wires.left.send(Self.packets)
        try wires.right.send(Self.packets)
        let arrived = try wires.right.receive(64, timeout: .seconds(10))
        let returned = try wires.left.receive(64, timeout: .seconds(10))
        #expect(Set(arrived) == Set(Self.packets) && Set(returned) == Set(Self.packets))
      }
      let report = try tool.stop()
      let ports = try #require(report["ports"]?.elements)
      #expect(ports.map { $0["queue"]?.integer } == Array(0..<queueCount) + Array(0..<queueCount))
      for side in 0..<2 {
        let mine = side * queueCount..<(side + 1) * queueCount
        #expect(try mine.reduce(0) { try $0 + report.packets($1, "received") } == 256)
        #expect(try mine.reduce(0) { try $0 + report.packets($1, "sent") } == 256)
        for port in mine {
          #expect(try report.packets(port, "received") > 0)
          #expect(try report.drops(port) == [:])
        }
      }
      #expect(try !isSomethingAttached())
    }
  }

  @Test("Killed under traffic and started again: packets pass, and the next end leaves nothing")
  func killed() async throws {
    try await withNetworkNamespace {
      let wires = try Wires(queueCount: 2)
      let flood = Flood(wires)
      for _ in 0..<3 {
        let tool = try Tool.started("forward", "left", "right", "--json")
        _ = try PacketTap("far-right").receive(50, timeout: .seconds(10))
        tool.process.signal(SIGKILL)
        #expect(try tool.process.wait(timeout: .seconds(20)) == .signalled(SIGKILL))
      }
      let tool = try Tool.started("forward", "left", "right", "--json")
      #expect(try PacketTap("far-right").receive(50, timeout: .seconds(10)).count == 50)
      try flood.stop()
      _ = try tool.stop()
      #expect(try !isSomethingAttached())
    }
  }

  @Test("Rules from a file and by the control socket hold on every queue, and are rolled back")
  func rules() async throws {
    try await withNetworkNamespace {
      let wires = try Wires(queueCount: 2)
      let file = try RuleTextFile("udp src port 20000-20031 -> drop\n")
      let tool = try Tool.started("forward", "left", "right", "--json", "--rules", file.path)
      func passed(_ wanted: [[UInt8]]) throws -> Bool {
        try wires.left.send(Self.packets)
        let arrived = try wires.right.receive(wanted.count, timeout: .seconds(10))
        return try Set(arrived) == Set(wanted)
          && wires.right.receive(timeout: .milliseconds(50)) == nil
      }
      #expect(try passed(Array(Self.packets[32...])))
      #expect(try RulesRun.answer("replace", "/dev/null") == "")
      #expect(try passed(Self.packets))
      _ = try RulesRun.answer("add", "--confirm-within", "2", "udp src port 20032-20063 -> drop")
      #expect(try passed(Array(Self.packets[..<32])))
      while try RulesRun.answer("list") != "" { usleep(20_000) }
      #expect(try passed(Self.packets))
      // What another worker's queue would do is known as well.
      let digits = Self.packets[0].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      for queue in 0..<2 {
        #expect(try RulesRun.answer("explain", digits, "--queue", "\(queue)") == "no rule: socket")
      }
      _ = try tool.stop()
    }
  }

  @Test("When an interface vanishes all workers end, and one of them says so once")
  func vanishes() async throws {
    try await withNetworkNamespace {
      _ = try Wires(queueCount: 2)
      let tool = try Tool.started("forward", "left", "right", "--json")
      try runProgram(["ip", "link", "del", "left"])
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(1))
      #expect(tool.errorLines.count == 2 && tool.errorLines[1].contains("vanished"))
      _ = try tool.report()
      #expect(try !isSomethingAttached())
    }
  }
}

/// The processors that this process may use.
private enum ProcessorList {
  static var usable: [String] {
    (try? runProgram(["nproc"]))
      .flatMap { Int($0.filter(\.isNumber)) }
      .map { (0..<$0).map(String.init) } ?? ["0"]
  }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct TeardownTests {
  @Test("Ten times under traffic: nothing stays attached, open or mapped")
  func tenTimes() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a") { $0.queueCount = 2 }
      _ = try VethPair("b", "peer-b") { $0.queueCount = 2 }
      try withOwnDescriptors {
        let floods = [try Flood("peer-a"), try Flood("peer-b")]
        let before = openDescriptors()
        for round in 0..<10 {
          let files = try Self.forward(mode: round % 2 == 0 ? .copy : .generic)
          #expect(openDescriptors() == before)
          #expect(try mappings(of: files) == [])
          try expectNothingAttached(to: "a", "b")
        }
        for flood in floods { try flood.finish() }
      }
    }
  }

  /// Forwards some packets in both directions and answers with the files it had open meanwhile.
  private static func forward(mode: ModeRequest) throws -> Set<String> {
    let others = openFiles()
    var forwarder = try whileBusy { () throws(XDPError) in try Forwarder("a", "b", mode: mode) }
    let end = ContinuousClock.now + patience
    var count = 0
    while count < 200, ContinuousClock.now < end,
      try forwarder.engine.wait(timeout: .milliseconds(100))
    {
      count += forwarder.turn { _ in .forward }
    }
    #expect(count >= 200)
    forwarder.engine.expectConserved()
    let files = openFiles().subtracting(others)
    // Four sockets with four rings each, and the memory.
    #expect(try mappings(of: files).count >= 17)
    return files
  }

  @Test("After the engine the interface is the kernel's again")
  func kernelAgain() async throws {
    try await withNetworkNamespace {
      let far = try NetworkNamespace()
      _ = try VethPair("near", "far") {
        $0.farNamespace = far
        $0.nearAddress = "10.1.1.2/24"
        $0.farAddress = "10.1.1.1/24"
      }
      #expect(try far.run { try ping(count: 1, timeout: 5) } == 1)
      let sink = try RunningForwarder("near") { _ in .drop }
      #expect(try far.run { try ping(count: 1, timeout: 1) } == 0)
      #expect(try sink.finish().reports[0].dropped.verdict >= 1)
      #expect(try far.run { try ping(count: 1, timeout: 5) } == 1)
    }
  }

  @Test("A bind that fails leaves nothing behind, and the engine can still be used")
  func refusedBind() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try withOwnDescriptors {
        var engine = try Engine()
        // The first bind makes what every port needs.
        expectEqual(refusal(&engine, "nowhere")?.kind, .noSuchInterface)
        let before = openDescriptors()
        for _ in 0..<5 {
          expectEqual(refusal(&engine, "near", queue: 5)?.kind, .noSuchQueue)
          expectEqual(refusal(&engine, "near", mode: .zeroCopy)?.kind, .modeRefused)
          let set = [QueueName("near", queue: 0), QueueName("nowhere", queue: 0)]
          #expect(throws: XDPError.self) { _ = try Engine().bindAll(set) }
          expectEqual(openDescriptors(), before)
          try expectNothingAttached(to: "near")
        }
        let port = try whileBusy { () throws(XDPError) in try engine.bind("near", queue: 0) }
        try engine.steer(.everything)
        try PacketTap("far").send(numbered(3))
        expectSame(try engine.collect(3, from: port), numbered(3))
        engine.expectConserved()
      }
    }
  }

  @Test("A set of ports of which the last cannot be bound binds none")
  func allOrNone() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      _ = try VethPair("b", "peer-b")
      try runProgram(["ip", "link", "set", "dev", "b", "down"])
      var engine = try Engine()
      do throws(XDPError) {
        _ = try engine.bind([QueueName("a", queue: 0), QueueName("b", queue: 0)])
        Issue.record("b is down")
      } catch {
        #expect(error.kind == .interfaceDown)
      }
      expectEqual(engine.allPorts.count, 0)
      try expectNothingAttached(to: "a", "b")
      try runProgram(["ip", "link", "set", "dev", "b", "up"])
      let set = [QueueName("a", queue: 0), QueueName("b", queue: 0)]
      let ports = try whileBusy { () throws(XDPError) in try engine.bind(set) }
      expectEqual(ports.count, 2)
      engine.expectConserved()
    }
  }
}

extension Engine {
  /// Binds a set of which one cannot be bound; for the error alone.
  fileprivate consuming func bindAll(_ queues: [QueueName]) throws {
    var engine = self
    _ = try engine.bind(queues)
  }
}

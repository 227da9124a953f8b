import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Interfaces that go, come and change under traffic.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct InterfaceTests {
  @Test("An interface vanishes under traffic: it is said, and every frame comes home")
  func vanishes() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client")
      _ = try VethPair("right", "server")
      let forwarder = try RunningForwarder("left", "right")
      let floods = [try Flood("client"), try Flood("server")]
      #expect(try PacketTap("server", etherType: experimental).collect(50).count == 50)
      try runProgram(["ip", "link", "delete", "dev", "right"])
      let outcome = try forwarder.join()
      #expect(outcome.error?.kind == .interfaceGone)
      #expect(outcome.error?.description.contains("right") == true)
      #expect(outcome.disagreement == nil)
      #expect(outcome.ledger.isConserved)
      #expect(outcome.reports[1].state == .gone)
      #expect(outcome.reports[0].state == .up)
      for flood in floods { try flood.finish() }
      try expectNothingAttached(to: "left")
    }
  }

  @Test("If told to, the engine goes on with the other interfaces")
  func othersGoOn() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      _ = try VethPair("b", "peer-b")
      var engine = try Engine(lasting)
      // The device that goes is that of the first socket, through which the memory was registered.
      let ports = try engine.bind([QueueName("a", queue: 0), QueueName("b", queue: 0)])
      try engine.steer(.everything)
      let flood = try Flood("peer-a")
      expect(try engine.collect(20, from: ports[0]).count >= 20)
      try runProgram(["ip", "link", "delete", "dev", "a"])
      try engine.waitUntil(ports[0], is: .gone)
      try flood.finish()
      // What is sent to a port that is gone comes home and is counted.
      try engine.transmit(numbered(5), to: ports[0])
      expectEqual(engine.report(of: ports[0]).dropped.interfaceGone >= 5, true)
      let tap = try PacketTap("peer-b")
      try tap.send(numbered(100))
      expectSame(try engine.collect(100, from: ports[1]), numbered(100))
      try engine.transmit(numbered(100), to: ports[1])
      expectSame(try tap.collect(100), numbered(100))
      try engine.waitForCompletions()
      engine.expectConserved()
      // The port that is gone has no frames, and stands in no one's way.
      expect(try engine.gathers(from: ports[1], tap))
    }
  }

  @Test("An interface that was made again can be bound again in the same engine, time after time")
  func rebound() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      _ = try VethPair("b", "peer-b")
      var engine = try Engine(lasting)
      let old = try engine.bind([QueueName("a", queue: 0), QueueName("b", queue: 0)])
      try engine.steer(.everything)
      // More often than a steering program has places for interfaces.
      for round in 0..<17 {
        try runProgram(["ip", "link", "delete", "dev", "a"])
        try engine.waitUntil(engine.port(named: "a"), is: .gone)
        _ = try VethPair("a", "peer-a")
        let port = try engine.bind("a", queue: 0)
        let tap = try PacketTap("peer-a")
        let packets = numbered(50, first: round * 100)
        try tap.send(packets)
        expectSame(try engine.collect(50, from: port), packets)
        try engine.transmit(packets, to: port)
        expectSame(try tap.collect(50), packets)
        try engine.waitForCompletions()
        engine.expectConserved()
      }
      let tap = try PacketTap("peer-b")
      try tap.send(numbered(5))
      expectSame(try engine.collect(5, from: old[1]), numbered(5))
    }
  }

  @Test("Every interface goes: every frame is free, and a new one can be bound")
  func allGo() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      var engine = try Engine(lasting)
      let port = try engine.bind("a", queue: 0)
      try engine.steer(.everything)
      try engine.transmit(numbered(10), to: port)
      try runProgram(["ip", "link", "delete", "dev", "a"])
      try engine.waitUntil(port, is: .gone)
      expectEqual(engine.ledger().free, engine.ledger().total)
      engine.expectConserved()
    }
  }

  @Test("An interface goes down and comes up under traffic: it is said, and packets pass again")
  func downAndUp() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let tap = try PacketTap("far", etherType: experimental)
      let flood = try Flood("far")
      for _ in 0..<3 {
        expect(try engine.collect(20, from: port).count >= 20)
        try runProgram(["ip", "link", "set", "dev", "near", "down"])
        try engine.waitUntil(port, is: .down)
        // Sent while it is down: it waits, or is dropped by the driver, but is not lost to us.
        try engine.transmit(numbered(40), to: port)
        expect(try engine.wait(timeout: .milliseconds(20)))
        engine.expectConserved()
        try runProgram(["ip", "link", "set", "dev", "near", "up"])
        try engine.waitUntil(port, is: .up)
        try engine.waitForCompletions()
        expect(try engine.collect(200, from: port).count >= 200)
      }
      _ = try tap.receive(1000, timeout: .zero)
      try flood.finish()
      try engine.transmit(numbered(3, length: 99), to: port)
      let last = try tap.receive(3, timeout: patience) { $0.count == 99 }
      expectSame(last, numbered(3, length: 99))
      engine.expectConserved()
    }
  }

  @Test("The other end goes down: packets to it are not lost to us, and pass again later")
  func peerDown() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try runProgram(["ip", "link", "set", "dev", "far", "down"])
      try engine.transmit(numbered(100), to: port)
      expect(try engine.wait(timeout: .milliseconds(20)))
      engine.expectConserved()
      try runProgram(["ip", "link", "set", "dev", "far", "up"])
      try engine.waitForCompletions()
      let tap = try PacketTap("far", etherType: experimental)
      let end = ContinuousClock.now + patience
      var received: [[UInt8]] = []
      // The carrier comes back a moment after the command.
      while received.isEmpty, ContinuousClock.now < end {
        try engine.transmit(numbered(1), to: port)
        received = try tap.receive(1, timeout: .milliseconds(100))
      }
      expectSame(received, numbered(1))
    }
  }
}

/// A configuration that outlives interfaces.
private let lasting: Engine.Configuration = {
  var configuration = Engine.Configuration()
  configuration.endsWhenInterfaceGoes = false
  configuration.fillDepth = 512
  return configuration
}()

extension Engine {
  /// The port bound last of those on an interface of this name.
  fileprivate func port(named name: String) -> Port {
    guard let port = allPorts.last(where: { report(of: $0).interface == name }) else {
      preconditionFailure("no port on \(name)")
    }
    return port
  }

  /// Whether packets that come to a port in numbers are let gather, sooner or later: the engine may
  /// have found out before that it does not pay.
  fileprivate mutating func gathers(from port: Port, _ tap: PacketTap) throws -> Bool {
    let before = gatherings
    for _ in 0..<300 where gatherings == before {
      try tap.send(numbered(40))
      let end = ContinuousClock.now + patience
      var count = 0
      while count < 40, ContinuousClock.now < end {
        while let frame = receive(from: port) {
          release(frame)
          count += 1
        }
      }
      expect(try wait(timeout: .milliseconds(1)))
    }
    return gatherings != before
  }

  /// Waits until the engine knows that the port's interface is in `state`.
  fileprivate mutating func waitUntil(_ port: Port, is state: LinkState) throws {
    let end = ContinuousClock.now + patience
    while report(of: port).state != state, ContinuousClock.now < end {
      expect(try wait(timeout: .milliseconds(100)))
      while let frame = receive(from: port) { release(frame) }
    }
    expectEqual(report(of: port).state, state)
  }
}

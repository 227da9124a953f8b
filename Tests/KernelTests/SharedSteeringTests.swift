import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Two engines of one memory, each on a queue of "near".
private struct Pair: ~Copyable {
  var left: Engine
  var right: Engine
  let ports: [Port]
  let tap: PacketTap

  /// Packets enough that the hash of their flows leaves no queue out.
  static let packets = (0..<64).map { datagram(number: $0, flow: $0) }

  init() throws {
    _ = try VethPair("near", "far") { $0.queueCount = 2 }
    let tap = try PacketTap("far")
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 20
    configuration.fillDepth = 64
    let memory = try SharedMemory(configuration, workers: 2)
    var left = try Engine(sharing: memory)
    var right = try Engine(sharing: memory)
    ports = [try left.bind("near", queue: 0), try right.bind("near", queue: 1)]
    self.tap = tap
    self.left = left
    self.right = right
  }

  /// Takes what comes for either engine until there are `count` packets.
  mutating func collect(_ count: Int, within limit: Duration = patience) throws -> [[[UInt8]]] {
    var found: [[[UInt8]]] = [[], []]
    let end = ContinuousClock.now + limit
    while found[0].count + found[1].count < count, ContinuousClock.now < end {
      found[0] += try left.collect(1, from: ports[0], within: .milliseconds(5))
      found[1] += try right.collect(1, from: ports[1], within: .milliseconds(5))
    }
    return found
  }

  /// Where all frames are, over both.
  mutating func ledger() throws -> FrameLedger {
    // What one let go of and the other owns comes home.
    for _ in 0..<2 {
      expect(try left.wait(timeout: .zero))
      expect(try right.wait(timeout: .zero))
    }
    return left.ledger(with: [right.ledgerShare()])
  }
}

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct SharedSteeringTests {
  @Test("Engines on the queues of one interface have its packets between them, by either's rule")
  func queues() async throws {
    try await withNetworkNamespace {
      var pair = try Pair()
      try pair.right.steer(.everything)
      try pair.tap.send(Pair.packets)
      let found = try pair.collect(64)
      #expect(found.allSatisfy { !$0.isEmpty })
      #expect(Set(found.joined()) == Set(Pair.packets))
      expectEqual(pair.left.report(of: pair.ports[0]).received.packets, UInt64(found[0].count))
      expectEqual(pair.right.report(of: pair.ports[1]).received.packets, UInt64(found[1].count))
      expectEqual(pair.left.report(of: pair.ports[0]).modeReason.isEmpty, false)
      expectEqual(
        pair.left.report(of: pair.ports[0]).modeReason,
        pair.right.report(of: pair.ports[1]).modeReason)
      let queues = pair.left.sharedPorts.map(\.queue.queue)
      expectEqual(queues, [0, 1])
      let ledger = try pair.ledger()
      expect(ledger.isConserved)
      expectEqual(
        [ledger.received, ledger.held, ledger.transmit, ledger.completion], [0, 0, 0, 0])
    }
  }

  @Test("What one engine receives the other sends on its queue, and every frame comes home")
  func across() async throws {
    try await withNetworkNamespace {
      var pair = try Pair()
      try pair.left.steer(.everything)
      let reader = try PacketTap("far", etherType: 0x0800)
      for round in 0..<4 {
        try pair.tap.send(Pair.packets)
        var count = 0
        let end = ContinuousClock.now + patience
        while count < 64, ContinuousClock.now < end {
          expect(try pair.left.wait(timeout: .milliseconds(5)))
          expect(try pair.right.wait(timeout: .milliseconds(5)))
          while let frame = pair.left.receive(from: pair.ports[0]) {
            pair.right.send(frame, to: pair.ports[1])
            count += 1
          }
          while let frame = pair.right.receive(from: pair.ports[1]) {
            pair.left.send(frame, to: pair.ports[0])
            count += 1
          }
          // In the midst of it too: frames stand on rings of both.
          let ledger = try pair.ledger()
          expect(ledger.isConserved)
        }
        pair.left.flush()
        pair.right.flush()
        #expect(try Set(reader.receive(64, timeout: patience)) == Set(Pair.packets), "\(round)")
      }
      pair.left.drain(timeout: patience)
      pair.right.drain(timeout: patience)
      let ledger = try pair.ledger()
      expect(ledger.isConserved)
      expectEqual(
        [ledger.received, ledger.held, ledger.transmit, ledger.completion], [0, 0, 0, 0])
    }
  }

  @Test("Rules are the same for both, whoever changes, confirms or takes them back")
  func rules() async throws {
    try await withNetworkNamespace {
      var pair = try Pair()
      let ids = try pair.left.apply(try RuleText.parseChange("udp -> socket\n* -> kernel"))
      expectEqual(pair.right.rules.map(\.id), ids)
      try pair.right.apply(RuleChange([.remove(ids[0])], confirmWithin: .seconds(60)))
      expectEqual(pair.left.rules.map(\.id), [ids[1]])
      try pair.left.rollBackRules()
      expectEqual(pair.right.rules.map(\.id), ids)
      let confirmed = try pair.left.apply(
        RuleChange([.add(Rule(.arp, .drop))], confirmWithin: .seconds(60)))
      try pair.right.confirmRules()
      expectEqual(pair.right.rules.last?.id, confirmed.first)
      try pair.tap.send(Pair.packets)
      #expect(try pair.collect(64).joined().count == 64)
      expectEqual(pair.right.counters(of: ids[0])?.packets, 64)
      let packet = datagram(number: 1)
      for port in pair.ports {
        expectEqual(try pair.left.explain(packet, at: port).winner, ids[0])
      }
      // One group of both engines' ports, in the place of the queues' own.
      try pair.right.setGroup("all", ports: pair.ports)
      try pair.left.apply(try RuleText.parseChange("priority 9 udp -> group all"))
      try pair.tap.send(Pair.packets)
      #expect(try pair.collect(64).joined().count == 64)
    }
  }

  @Test("Rules are confirmed and rolled back where something is bound")
  func nothingBound() throws {
    var engine = try Engine()
    for confirms in [true, false] {
      do throws(XDPError) {
        if confirms { try engine.confirmRules() } else { try engine.rollBackRules() }
        Issue.record("there are rules without a port")
      } catch {
        #expect(error.kind == .configuration && error.remedy == "bind a port first")
      }
    }
  }

  @Test("The queues of an engine that hangs go to the kernel, the other's do not")
  func hung() async throws {
    try await withNetworkNamespace {
      var pair = try Pair()
      let kernel = try PacketTap("near", etherType: 0x0800)
      try pair.left.steer(.everything)
      try pair.right.setHeartbeat(.milliseconds(400))
      // From here on the right one does nothing; the left one is idle.
      let end = ContinuousClock.now + .milliseconds(1200)
      while ContinuousClock.now < end {
        expect(try pair.left.wait(timeout: .milliseconds(2000)))
      }
      try pair.tap.send(Pair.packets)
      let passed = try pair.left.collect(64, from: pair.ports[0], within: .milliseconds(800))
      let left = try kernel.receive(64 - passed.count, timeout: patience)
      #expect(!passed.isEmpty && !left.isEmpty, "\(passed.count) + \(left.count)")
      #expect(Set(passed + left) == Set(Pair.packets))
      expectEqual(pair.right.report(of: pair.ports[1]).received.packets, 0)
      // It comes back.
      expect(try pair.right.wait(timeout: .zero))
      try pair.tap.send(Pair.packets)
      let found = try pair.collect(64)
      #expect(Set(found[1]) == Set(left))
      // Without a heartbeat nobody is missed.
      try pair.left.setHeartbeat(nil)
      let pause = ContinuousClock.now + .milliseconds(900)
      while ContinuousClock.now < pause {
        expect(try pair.left.wait(timeout: .milliseconds(100)))
      }
      try pair.tap.send(Pair.packets)
      #expect(try pair.collect(64)[1].count == left.count)
    }
  }

  @Test("A heartbeat that one engine asks for wakes the other, which sleeps for ever")
  func wakes() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let tap = try PacketTap("far")
      let kernel = try PacketTap("near", etherType: 0x0800)
      var configuration = Engine.Configuration()
      configuration.memory = 1 << 20
      let memory = try SharedMemory(configuration, workers: 2)
      var engine = try Engine(sharing: memory)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let stop = try StopSignal()
      let thread = TestThread { () -> Int in
        var other = try Engine(sharing: memory)
        let port = try other.bind("near", queue: 1)
        other.watch(stop.fileDescriptor)
        var count = 0
        while !stop.isRequested, try other.wait() {
          while let frame = other.receive(from: port) {
            count += 1
            other.release(frame)
          }
        }
        return count
      }
      let deadline = ContinuousClock.now + patience
      while engine.sharedPorts.count < 2, ContinuousClock.now < deadline {
        _ = try engine.wait(timeout: .milliseconds(5))
      }
      try engine.setHeartbeat(.milliseconds(400))
      let end = ContinuousClock.now + .milliseconds(1500)
      while ContinuousClock.now < end { _ = try engine.wait(timeout: .milliseconds(100)) }
      try tap.send(Pair.packets)
      let own = try engine.collect(64, from: port, within: .milliseconds(600)).count
      #expect(try kernel.receive(timeout: .zero) == nil)
      stop.request()
      #expect(try thread.join() == 64 - own)
      #expect(own > 0 && own < 64)
    }
  }

  @Test("A queue that another engine has is refused, and says whose it is")
  func busy() async throws {
    try await withNetworkNamespace {
      var pair = try Pair()
      func refusal(_ engine: inout Engine, _ queue: Int) -> XDPError? {
        do {
          _ = try engine.bind("near", queue: queue)
          return nil
        } catch {
          return error
        }
      }
      let theirs = refusal(&pair.left, 1)
      #expect(theirs?.kind == .queueBusy)
      #expect(theirs?.reason.contains("of engine 1 of the same memory") == true)
      #expect(theirs?.remedy.contains("hand that engine") == true)
      let own = refusal(&pair.left, 0)
      #expect(own?.kind == .queueBusy)
      #expect(own?.reason == "port 0 of this engine is bound to the queue already")
    }
  }

  @Test("When one engine goes the other goes on; the last one leaves the interface as it was")
  func lastOneOut() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let tap = try PacketTap("far")
      var configuration = Engine.Configuration.transparent
      configuration.memory = 1 << 20
      let memory = try SharedMemory(configuration, workers: 3)
      do {
        var first: Engine? = try Engine(sharing: memory)
        _ = try first?.bind("near", queue: 0)
        try first?.steer(.everything)
        var second = try Engine(sharing: memory)
        let port = try second.bind("near", queue: 1)
        first = nil
        #expect(try runProgram(["ip", "-d", "link", "show", "near"]).contains("promiscuity 1"))
        let kernel = try PacketTap("near", etherType: 0x0800)
        try tap.send(Pair.packets)
        let mine = try second.collect(64, from: port, within: .milliseconds(500))
        let rest = try kernel.receive(64 - mine.count, timeout: patience)
        #expect(!mine.isEmpty && !rest.isEmpty)
        #expect(Set(mine + rest) == Set(Pair.packets))
        expect(second.rules.count == 1)
      }
      try expectNothingAttached(to: "near")
      // The memory is still there for the next.
      var third = try Engine(sharing: memory)
      expect(third.rules.isEmpty)
      _ = try whileBusy { () throws(XDPError) -> Bound in
        Bound(port: try third.bind("near", queue: 0))
      }
    }
  }

  private struct Bound: ~Copyable { let port: Port }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Frames of the length that they need, many to a page, on their way through the kernel.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct PackedTests {
  @Test(
    "Frames of random lengths, packed in their pages, leave byte for byte and come home",
    arguments: Memory.all, [ModeRequest.copy, .generic])
  func lengths(_ memory: Memory, _ mode: ModeRequest) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: experimental)
      var configuration = memory.configuration
      configuration.packsFrames = true
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0, mode: mode)
      var random = SeededGenerator(seed: 1)
      for round in 0..<5 {
        let packets = (0..<200).map {
          frame(number: round * 200 + $0, length: Int.random(in: 60...1500, using: &random))
        }
        try engine.transmit(packets, to: port)
        expectSame(try engine.collect(packets.count, by: tap), packets)
        try engine.waitForCompletions()
        engine.expectConserved()
      }
      let report = engine.report(of: port)
      expectEqual(report.sent.packets, 1000)
      expectEqual(report.lostPackets, 0)
      expectEqual(report.untrusted, 0)
      expectEqual(engine.ledger().held, 0)
    }
  }

  @Test(
    "Frames share pages: 200 of them lie in as many as their lengths fill", arguments: Memory.all)
  func pages(_ memory: Memory) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: experimental)
      var configuration = memory.configuration
      configuration.packsFrames = true
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      let packets = numbered(200, length: 200)
      var pages: Set<UInt64> = []
      for packet in packets {
        guard let frame = engine.frame(with: packet) else { return expect(false, "no frame") }
        pages.insert(frame.address / 4096)
        engine.send(frame, to: port)
      }
      // Sixteen frames of four granules to a page of 64.
      expect(pages.count <= 14, "\(pages.count) pages")
      expectSame(try engine.collect(200, by: tap), packets)
      try engine.waitForCompletions()
      engine.expectConserved()
    }
  }

  @Test(
    "Frames are allocated, received, kept, moved, sent and released in any order",
    arguments: Memory.all, 1...4 as ClosedRange<UInt64>)
  func anyOrder(_ memory: Memory, _ seed: UInt64) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: experimental)
      var configuration = memory.configuration
      configuration.memory = 1 << 20
      configuration.ringSize = 128
      configuration.nodeOrder = Int(seed % 3)
      configuration.packsFrames = memory.isUnaligned || seed > 2
      configuration.groups = seed % 2 == 0 ? [.init()] : [.init(), .init(quota: 128 << 10)]
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      var medley = Medley(seed: seed, port: port)
      for _ in 0..<60 {
        try medley.arrive(by: tap)
        medley.turn(&engine)
        _ = try engine.wait(timeout: .zero)
        let sent = medley.takeSent()
        expectSame(try engine.collect(sent.count, by: tap), sent)
        engine.expectConserved()
      }
      medley.releaseAll(&engine)
      try engine.waitForCompletions()
      let ledger = engine.ledger()
      expectEqual(ledger.held + ledger.received, 0)
      let report = engine.report(of: port)
      expectEqual(report.untrusted, 0)
      expectEqual(report.lostPackets, report.dropped.quota)
      engine.expectConserved()
    }
  }

  @Test(
    "An interface that vanishes gives packed frames back, and those held go on to another port",
    arguments: Memory.all)
  func vanishes(_ memory: Memory) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      _ = try VethPair("b", "peer-b")
      var configuration = memory.configuration
      configuration.endsWhenInterfaceGoes = false
      var engine = try Engine(configuration)
      let ports = try engine.bind([QueueName("a", queue: 0), QueueName("b", queue: 0)])
      try engine.steer(.everything)
      try PacketTap("peer-a").send(numbered(90, length: 300))
      var store = FrameStore(capacity: 100)
      let end = ContinuousClock.now + patience
      while store.count < 90, ContinuousClock.now < end {
        _ = try engine.wait(timeout: .milliseconds(100))
        while let frame = engine.receive(from: ports[0]) {
          // A third trimmed, a third packed, a third as they came.
          switch store.count % 3 {
          case 0: store.put(engine.settle(frame, .inPlace))
          case 1: store.put(engine.settle(frame, .pack))
          default: store.put(frame)
          }
        }
      }
      // Down, the interface takes nothing: what is sent stays in flight.
      try runProgram(["ip", "link", "set", "dev", "a", "down"])
      try engine.transmit(numbered(60, length: 200), to: ports[0])
      expect(engine.ledger().transmit > 0)
      try runProgram(["ip", "link", "delete", "dev", "a"])
      while engine.report(of: ports[0]).state != .gone, ContinuousClock.now < end {
        _ = try engine.wait(timeout: .milliseconds(100))
      }
      expectEqual(engine.ledger().transmit, 0)
      engine.expectConserved()
      let tap = try PacketTap("peer-b", etherType: experimental)
      for number in 0..<90 {
        guard let frame = store.take() else { return expect(false, "only \(number) came") }
        if number < 30 {
          engine.release(frame)
        } else if number < 60 {
          engine.send(frame, to: ports[0])
        } else {
          engine.send(engine.compact(frame), to: ports[1])
        }
      }
      expectEqual(engine.report(of: ports[0]).dropped.interfaceGone, 90)
      expectSame(try engine.collect(30, by: tap), numbered(30, length: 300, first: 60))
      try engine.waitForCompletions()
      let ledger = engine.ledger()
      expectEqual(ledger.held + ledger.received + ledger.transmit, 0)
      engine.expectConserved()
    }
  }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct PortTests {
  @Test(
    "Two ports: frames received on one are sent on the other",
    arguments: [
      ModeRequest.copy, .generic,
    ])
  func twoPorts(_ mode: ModeRequest) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("a", "peer-a")
      _ = try VethPair("b", "peer-b")
      let left = try PacketTap("peer-a")
      let right = try PacketTap("peer-b")
      var engine = try Engine()
      let a = try engine.bind("a", queue: 0, mode: mode)
      let b = try engine.bind("b", queue: 0, mode: mode)
      try engine.steer(.everything)
      let packets = numbered(300, length: 700)
      try left.send(packets)
      var count = 0
      while count < packets.count, try engine.wait(timeout: patience) {
        while let frame = engine.receive(from: a) {
          engine.send(frame, to: b)
          count += 1
        }
      }
      expectSame(try right.collect(packets.count), packets)
      try engine.waitForCompletions()
      expectEqual(engine.report(of: a).received.packets, 300)
      expectEqual(engine.report(of: a).sent.packets, 0)
      expectEqual(engine.report(of: b).received.packets, 0)
      expectEqual(engine.report(of: b).sent.packets, 300)
      engine.expectConserved()
      expectEqual(engine.ledger().held + engine.ledger().received, 0)
    }
  }

  @Test("Several queues: each flow stays in order on one queue", arguments: [2, 4])
  func queues(_ queueCount: Int) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = queueCount }
      let tap = try PacketTap("far")
      var configuration = Engine.Configuration()
      configuration.fillDepth = 512
      var engine = try Engine(configuration)
      let ports = try engine.bind((0..<queueCount).map { QueueName("near", queue: $0) })
      try engine.steer(.everything)
      // Enough flows that the hash leaves no queue out.
      let flowCount = 64
      let rounds = 4
      for round in 0..<rounds {
        for flow in 0..<flowCount { try tap.send(datagram(number: round, flow: flow)) }
      }
      var perPort = [Int](repeating: 0, count: queueCount)
      var portOfFlow = [Int?](repeating: nil, count: flowCount)
      var next = [Int](repeating: 0, count: flowCount)
      let end = ContinuousClock.now + patience
      while perPort.reduce(0, +) < rounds * flowCount, ContinuousClock.now < end,
        try engine.wait(timeout: .milliseconds(100))
      {
        for (place, port) in ports.enumerated() {
          while let frame = engine.receive(from: port) {
            let packet = engine.content(of: frame)
            engine.release(frame)
            let flow = flow(of: packet)
            expectEqual(number(of: packet), next[flow])
            expect(portOfFlow[flow] == nil || portOfFlow[flow] == place)
            portOfFlow[flow] = place
            next[flow] += 1
            perPort[place] += 1
          }
        }
      }
      #expect(perPort.reduce(0, +) == rounds * flowCount)
      #expect(!perPort.contains(0), "packets per queue: \(perPort)")
      for (place, port) in ports.enumerated() {
        expectEqual(engine.report(of: port).queue, place)
        expectEqual(engine.report(of: port).received.packets, UInt64(perPort[place]))
      }
      engine.expectConserved()
    }
  }

  @Test("What is sent on queue q leaves on queue q")
  func sendQueue() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      var sender = try Engine()
      let from = try sender.bind([QueueName("near", queue: 0), QueueName("near", queue: 1)])
      var receiver = try Engine()
      let to = try receiver.bind([QueueName("far", queue: 0), QueueName("far", queue: 1)])
      try receiver.steer(.everything)
      try sender.transmit(numbered(10), to: from[0])
      try sender.transmit(numbered(20, first: 100), to: from[1])
      expectSame(try receiver.collect(10, from: to[0]), numbered(10))
      expectSame(try receiver.collect(20, from: to[1]), numbered(20, first: 100))
    }
  }

  @Test("A forwarder keeps several flows over several queues in order, both ways at once")
  func bidirectional() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client") { $0.queueCount = 2 }
      _ = try VethPair("right", "server") { $0.queueCount = 2 }
      let client = try PacketTap("client", etherType: 0x0800)
      let server = try PacketTap("server", etherType: 0x0800)
      let forwarder = try RunningForwarder("left", "right")
      let packets = (0..<400).map { datagram(number: $0 / 8, flow: $0 % 8) }
      let there = TestThread { try client.send(packets) }
      let back = TestThread { try server.send(packets) }
      try there.join()
      try back.join()
      for tap in [server, client] {
        let received = try tap.receive(packets.count, timeout: patience)
        #expect(received.count == packets.count)
        #expect(Set(received) == Set(packets))
        for flow in 0..<8 {
          let numbers = received.filter { KernelTests.flow(of: $0) == flow }.map(number(of:))
          #expect(numbers == Array(0..<50))
        }
      }
      let outcome = try forwarder.finish()
      #expect(outcome.disagreement == nil && outcome.error == nil)
      #expect(outcome.reports.count == 4)
      #expect(outcome.reports.reduce(0) { $0 + $1.received.packets } == 800)
      #expect(outcome.reports.reduce(0) { $0 + $1.sent.packets } == 800)
      #expect(outcome.reports.allSatisfy { $0.lostPackets == 0 })
    }
  }

  @Test("A forwarder's closure decides: dropped packets do not pass and are counted")
  func verdicts() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client")
      _ = try VethPair("right", "server")
      let client = try PacketTap("client")
      let server = try PacketTap("server")
      let forwarder = try RunningForwarder("left", "right") { packet in
        // The number's lowest bit; every packet of this test has 80 bytes. The last packet is
        // forwarded: once it is out, all others have been decided about.
        unsafe packet.bytes.unsafeLoad(fromByteOffset: 14, as: UInt8.self) & 1 == 1
          ? .forward : .drop
      }
      let packets = numbered(200, length: 80)
      try client.send(packets)
      expectSame(
        try server.collect(100), packets.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
      let outcome = try forwarder.finish()
      #expect(outcome.reports[0].dropped.verdict == 100)
      #expect(outcome.reports[0].received.packets == 200)
      #expect(outcome.reports[1].sent.packets == 100)
      #expect(outcome.disagreement == nil)
    }
  }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

private let fragments = KernelFeature.fragments

@Suite(
  .enabled(if: fragments.isExpected, Comment(rawValue: fragments.reason)), .timeLimit(.minutes(5)))
struct JumboTests {
  @Test("A jumbo frame arrives in fragments and is whole", arguments: [(2048, 6), (4096, 3)])
  func received(_ chunkSize: Int, _ fragmentCount: Int) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 9000 }
      let tap = try PacketTap("far")
      var engine = try Engine(configuration(chunkSize: chunkSize))
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let packets = [9014, 60, 1514, 5000, 9014, 1792, 1793].enumerated().map {
        frame(number: $0.offset, length: $0.element)
      }
      try tap.send(packets)
      var received: [[UInt8]] = []
      var counts: [Int] = []
      let end = ContinuousClock.now + patience
      while received.count < packets.count, ContinuousClock.now < end,
        try engine.wait(timeout: .milliseconds(100))
      {
        while let frame = engine.receive(from: port) {
          expectEqual(frame.byteCount, engine.content(of: frame).count)
          received.append(engine.content(of: frame))
          counts.append(frame.fragmentCount)
          engine.release(frame)
        }
      }
      expectSame(received, packets)
      #expect(counts.first == fragmentCount)
      #expect(counts.dropFirst().first == 1)
      expectEqual(engine.report(of: port).received.packets, UInt64(packets.count))
      expectEqual(
        engine.report(of: port).received.bytes, UInt64(packets.reduce(0) { $0 + $1.count }))
      expectEqual(engine.report(of: port).lostPackets, 0)
      engine.expectConserved()
    }
  }

  @Test("Jumbo frames cross a forwarder as they were", arguments: [2048, 4096])
  func forwarded(_ chunkSize: Int) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client") { $0.mtu = 9000 }
      _ = try VethPair("right", "server") { $0.mtu = 9000 }
      let client = try PacketTap("client")
      let server = try PacketTap("server")
      var settings = configuration(chunkSize: chunkSize)
      settings.isTransparent = true
      let forwarder = try RunningForwarder("left", "right", configuration: settings)
      for round in 0..<20 {
        let packets = (0..<20).map {
          frame(number: round * 20 + $0, length: [9014, 64, 4000, 1514, 8999][$0 % 5])
        }
        try client.send(packets)
        expectSame(try server.collect(packets.count), packets)
        try server.send(packets)
        expectSame(try client.collect(packets.count), packets)
      }
      let outcome = try forwarder.finish()
      #expect(outcome.error == nil && outcome.disagreement == nil)
      for report in outcome.reports {
        #expect(report.received.packets == 400 && report.sent.packets == 400)
        #expect(report.lostPackets == 0)
      }
    }
  }

  @Test(
    "A jumbo frame that is kept takes its length, and leaves as it came", arguments: Memory.all,
    [(2048, 9792 + 3 * 256), (4096, 9792)])
  func settled(_ memory: Memory, _ chunk: (size: Int, most: Int)) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 9000 }
      let tap = try PacketTap("far", etherType: experimental)
      var settings = configuration(chunkSize: chunk.size)
      settings.isUnaligned = memory.configuration.isUnaligned
      var engine = try Engine(settings)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      expectEqual(engine.isUnaligned, memory.isUnaligned)
      var store = FrameStore(capacity: 40)
      for round in 0..<4 {
        let packets = numbered(40, length: 9014, first: round * 40)
        let end = ContinuousClock.now + patience
        while store.count < 40, ContinuousClock.now < end {
          // As many as the fill ring has frames for.
          try tap.send(Array(packets[store.count..<store.count + 8]))
          let wanted = store.count + 8
          while store.count < wanted, ContinuousClock.now < end,
            try engine.wait(timeout: .milliseconds(100))
          {
            while let frame = engine.receive(from: port) {
              let settled = engine.settle(frame, [.inPlace, .pack][round % 2])
              store.put(engine.settle(settled))
            }
          }
        }
        expectEqual(store.count, 40)
        expect(engine.ledger().held * 64 <= 40 * chunk.most, "\(engine.ledger().held * 64 / 40)")
        engine.expectConserved()
        var number = 0
        while let frame = store.take() {
          expectSame([engine.content(of: frame)], [packets[number]])
          number += 1
          if round == 3 {
            engine.release(frame)
          } else {
            engine.send(engine.compact(frame), to: port)
          }
        }
        if round < 3 { expectSame(try engine.collect(40, by: tap), packets) }
        try engine.waitForCompletions()
        expectEqual(engine.ledger().held, 0)
        engine.expectConserved()
      }
      expectEqual(engine.report(of: port).lostPackets, 0)
      expectEqual(engine.report(of: port).untrusted, 0)
    }
  }

  @Test("Without takesFragments a jumbo MTU is refused")
  func refused() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 9000 }
      var engine = try Engine()
      expectEqual(refusal(&engine, "near")?.kind, .packetTooLong)
    }
  }
}

private func configuration(chunkSize: Int) -> Engine.Configuration {
  var configuration = Engine.Configuration()
  configuration.chunkSize = chunkSize
  configuration.takesFragments = true
  return configuration
}

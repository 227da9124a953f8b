import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Packets that an application keeps: what becomes of their slots, and of those who wait for them.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct HoldingTests {
  @Test("Slots begin anywhere unless aligned ones were asked for", arguments: Memory.all)
  func unaligned(_ memory: Memory) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: experimental)
      var engine = try Engine(memory.configuration)
      for mode in [ModeRequest.copy, .generic] {
        expectEqual(engine.isUnaligned, memory.isUnaligned)
        expectEqual(engine.alignmentFallback, nil)
        let port = try whileBusy { () throws(XDPError) in
          engine = try Engine(memory.configuration)
          return try engine.bind("near", queue: 0, mode: mode)
        }
        try engine.steer(.everything)
        expectEqual(engine.isUnaligned, memory.isUnaligned)
        expectEqual(engine.alignmentFallback, nil)
        try tap.send(numbered(10))
        expectSame(try engine.collect(10, from: port), numbered(10))
        engine.expectConserved()
      }
    }
  }

  @Test(
    "A forwarder that holds thousands of packets goes on receiving", arguments: Memory.all,
    [Settling.copyBreak(upTo: 256), .pack])
  func holding(_ memory: Memory, _ settling: Settling) async throws {
    try await withNetworkNamespace {
      // So that 1,518 bytes without a checksum pass.
      _ = try VethPair("near", "far") { $0.mtu = 1504 }
      let tap = try PacketTap("far", etherType: experimental)
      var configuration = memory.configuration
      configuration.memory = Load.memory
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      var store = FrameStore(capacity: Load.held)
      var (sent, received, returned, most) = (0, 0, 0, 0)
      let end = ContinuousClock.now + patience + patience
      while returned < Load.packets, ContinuousClock.now < end {
        let before = received
        // Never more under way than the rings hold: what gets lost then, holding has lost.
        if sent < Load.packets, sent - received < 512, sent - returned < Load.held + 1024 {
          try tap.send((sent..<sent + 32).map(imix))
          sent += 32
        }
        while let frame = engine.receive(from: port) {
          if store.isFull, let oldest = store.take() { engine.send(oldest, to: port) }
          store.put(engine.settle(frame, settling))
          received += 1
        }
        most = max(most, store.count)
        if received == Load.packets {
          while engine.sendRoom(of: port) > 0, let frame = store.take() {
            engine.send(frame, to: port)
          }
        }
        engine.flush()
        if received == before { _ = try engine.wait(timeout: .milliseconds(10)) }
        returned += try expectReturned(by: tap, from: returned)
      }
      expectEqual([sent, received, returned], [Load.packets, Load.packets, Load.packets])
      expectEqual(most, Load.held)
      let report = engine.report(of: port)
      expectEqual(report.lostPackets, 0)
      expectEqual(report.untrusted, 0)
      expect(engine.copies.packets >= Load.packets * 7 / 12)
      try engine.waitForCompletions()
      expectEqual(engine.ledger().held, 0)
      engine.expectConserved()
      // A failure must not end in a trap.
      while let frame = store.take() { engine.release(frame) }
    }
  }

  /// Takes what came back, which must be the packets from number `first` on, and says how many.
  private func expectReturned(by tap: PacketTap, from first: Int) throws -> Int {
    let packets = try tap.receive(.max, timeout: .zero)
    expectSame(packets, (first..<first + packets.count).map(imix))
    return packets.count
  }

  @Test(
    "A consumer that is stuck fills its group to the quota, and the other loses nothing",
    arguments: Memory.all)
  func stuckConsumer(_ memory: Memory) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: experimental)
      var configuration = memory.configuration
      configuration.memory = 4 << 20
      configuration.groups = [.init(), .init(quota: 64 << 10), .init(quota: 64 << 10)]
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let stuck = FlowGroup(index: 1)
      let lively = FlowGroup(index: 2)
      var store = FrameStore(capacity: 1024)
      var passed: [[UInt8]] = []
      let end = ContinuousClock.now + patience
      for round in 0..<40 {
        // Even numbers are the stuck consumer's, odd ones the lively one's.
        try tap.send(numbered(50, length: 600, first: round * 50))
        var taken = 0
        while taken < 50, ContinuousClock.now < end {
          guard let frame = engine.receive(from: port) else {
            _ = try engine.wait(timeout: .milliseconds(100))
            continue
          }
          taken += 1
          if engine.content(of: frame)[14] & 1 == 0 {
            if let kept = engine.settle(frame, in: stuck) { store.put(kept) }
          } else if let kept = engine.settle(frame, in: lively) {
            passed.append(engine.content(of: kept))
            engine.release(kept)
          }
        }
      }
      expectSame(passed, (0..<1000).map { frame(number: 2 * $0 + 1, length: 600) })
      // Pages of 64 granules hold six packets of ten; aligned, some of them lie across two chunks.
      expect((memory.isUnaligned ? 96...96 : 48...96).contains(store.count), "\(store.count)")
      let report = engine.report(of: port)
      expectEqual(report.dropped.quota, UInt64(1000 - store.count))
      expectEqual(report.lostPackets, report.dropped.quota)
      expectEqual(report.received.packets, 2000)
      engine.expectConserved()
      var number = 0
      while let frame = store.take() {
        expectSame([engine.content(of: frame)], numbered(1, length: 600, first: number))
        number += 2
        engine.release(frame)
      }
      expectEqual(engine.ledger().held, 0)
      engine.expectConserved()
    }
  }
}

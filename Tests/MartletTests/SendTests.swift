import Expectations
import Martlet
import MartletTestKit
import Testing

@Suite struct SendTests {
  @Test("What is sent waits for the flush, and leaves in order")
  func flush() throws {
    var bench = try Bench()
    for number in 0..<3 { expect(bench.send(number)) }
    expectEqual(bench.rings().transmit.pending, 0)
    expectEqual(bench.kernels[0].transmitAll(), [])
    expectEqual(bench.places(), [53, 8, 0, 0, 3, 0])
    bench.engine.flush()
    expectEqual(bench.rings().transmit.pending, 3)
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<3))
    expectEqual(bench.places(), [53, 8, 0, 0, 0, 3])
    bench.check()
    bench.engine.flush()
    // Nothing was sent since: the completions stay until something wants them.
    expectEqual(bench.rings().completion.pending, 3)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.rings().completion.pending, 0)
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    expectEqual(bench.report().sent.packets, 3)
    expectEqual(bench.report().sent.bytes, 180)
  }

  @Test("Every port that was sent to is published by one flush, and again by the next")
  func everyDirtyPort() throws {
    var bench = try Bench {
      $0.ports = 8; $0.configuration.fillDepth = 2
    }
    for round in 0..<3 {
      for index in [3, 0, 7, 3, 5] { expect(bench.send(round, to: index)) }
      bench.engine.flush()
      for index in 0..<8 {
        let count = [3: 2, 0: 1, 7: 1, 5: 1][index] ?? 0
        expectEqual(
          bench.kernels[index].transmitAll(), [[UInt8]](repeating: packet(round), count: count))
      }
      bench.check()
    }
  }

  @Test("A burst's end publishes what was sent to other ports", arguments: [0, 1, 4])
  func burstEnd(_ count: Int) throws {
    var bench = try Bench { $0.ports = 2 }
    bench.arrive(0..<count)
    expect(bench.send(100, to: 1))
    while let frame = bench.engine.receive(from: bench.ports[0]) {
      expectEqual(bench.rings(1).transmit.pending, 0)
      bench.engine.send(frame, to: bench.ports[1])
    }
    expectEqual(bench.kernels[1].transmitAll(), packets(100..<101) + packets(0..<count))
  }

  @Test("wait publishes what was sent in the middle of a burst")
  func waitPublishes() throws {
    var bench = try Bench()
    bench.arrive(0..<2)
    if let frame = bench.engine.receive(from: bench.ports[0]) {
      bench.engine.send(frame, to: bench.ports[0])
    }
    expect(try bench.engine.wait(timeout: .seconds(60)))
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<1))
    expectEqual(bench.take(), packets(1..<2))
  }

  @Test("On a full ring the packet is dropped and counted, its frame freed")
  func full() throws {
    var bench = try Bench {
      $0.ringSize = 4; $0.configuration.fillDepth = 4
    }
    for number in 0..<7 { expect(bench.send(number)) }
    expectEqual(bench.report().dropped.transmitFull, 3)
    expectEqual(bench.places(), [56, 4, 0, 0, 4, 0])
    bench.check()
    // The full ring was flushed without a flush.
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<4))
    for number in 7..<9 { expect(bench.send(number)) }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(7..<9))
    expectEqual(bench.report().dropped.transmitFull, 3)
    expectEqual(bench.report().sent.packets, 6)
    expectEqual(bench.report().sent.bytes, 360)
    bench.check()
  }

  @Test("A loop that only sends never starves, however few frames there are")
  func sendOnly() throws {
    var bench = try Bench { $0.chunks = 12 }
    for round in 0..<50 {
      // Four frames are left beside the fill ring's eight.
      for number in 0..<4 { expect(bench.send(round * 4 + number)) }
      expect(!bench.send(0))
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll(), packets(round * 4..<round * 4 + 4))
    }
    bench.check()
    expectEqual(bench.report().sent.packets, 200)
  }

  @Test("Sent frames of any port serve an allocation")
  func allocateDrainsAll() throws {
    var bench = try Bench {
      $0.ports = 3; $0.chunks = 10; $0.configuration.fillDepth = 2
    }
    for number in 0..<4 { expect(bench.send(number, to: 2)) }
    bench.engine.flush()
    expect(!bench.send(4))
    expectEqual(bench.kernels[2].transmitAll().count, 4)
    for number in 4..<8 { expect(bench.send(number)) }
    expect(!bench.send(8))
    bench.check()
  }

  @Test("While the kernel asks for a kick and takes nothing, the port is tried again")
  func needsWakeup() throws {
    var bench = try Bench()
    bench.rings().transmitWords.needsWakeup = true
    expect(bench.send(1))
    bench.engine.flush()
    let clock = ContinuousClock()
    // With the port still to be kicked no wait is long.
    for _ in 0..<3 {
      let start = clock.now
      expect(try bench.engine.wait(timeout: .seconds(20)))
      expect(clock.now - start < .seconds(10))
    }
    expectEqual(bench.kernels[0].transmitAll(), packets(1..<2))
    bench.engine.flush()
    let start = clock.now
    expect(try bench.engine.wait(timeout: .milliseconds(30)))
    expect(clock.now - start >= .milliseconds(30))
    bench.check()
  }

  @Test("A port that is stuck does not keep the others waiting")
  func stuckPort() throws {
    var bench = try Bench { $0.ports = 3 }
    bench.rings(1).transmitWords.needsWakeup = true
    for round in 0..<3 {
      for index in 0..<3 { expect(bench.send(round, to: index)) }
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll(), [packet(round)])
      expectEqual(bench.kernels[2].transmitAll(), [packet(round)])
    }
    expectEqual(bench.kernels[1].transmitAll(), packets(0..<3))
    expect(try bench.engine.wait(timeout: .zero))
    bench.check()
    expectEqual(bench.places(), [40, 24, 0, 0, 0, 0])
  }

  @Test("A frame is settled where it is, sent and released as before")
  func settle() throws {
    var bench = try Bench()
    bench.arrive(0..<2)
    guard let first = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    let settled = bench.engine.settle(first, .wholeSlot)
    expectEqual(bench.places(), [56, 6, 1, 1, 0, 0])
    bench.check()
    let bytes = bench.bytes(of: settled)
    expectEqual(bytes, packet(0))
    bench.engine.send(settled, to: bench.ports[0])
    guard let second = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    bench.engine.release(bench.engine.settle(bench.engine.settle(second)))
    bench.check()
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<1))
  }
}

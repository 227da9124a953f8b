import Expectations
import MartletTestKit
import Testing

@testable import Martlet

@Suite struct ForwardTests {
  @Test(
    "Packets go where the closure says, in order, and the counts are exact",
    arguments: [0, UInt32.max - 5])
  func mixed(_ position: UInt32) throws {
    var bench = try Bench {
      $0.ports = 2; $0.position = position
    }
    for round in 0..<30 {
      bench.arrive(round * 4..<round * 4 + 4)
      let count = bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { packet in
        expectEqual(packet.byteCount, 60)
        expectEqual(packet.fragmentCount, 1)
        return copy(packet.bytes)[0] % 4 == 1 ? .drop : .forward
      }
      expectEqual(count, 4)
      // Published and kicked before it returns; dropped frames are on the fill ring already.
      expectEqual(bench.rings(0).receive.pending, 0)
      expectEqual(bench.rings(0).fill.pending, 5)
      let wanted = [0, 2, 3].map { packet(round * 4 + $0) }
      expectEqual(bench.kernels[1].transmitAll(), wanted)
      bench.check()
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
    }
    expectEqual(bench.report(0).received, PortReport.Traffic(packets: 120, bytes: 7200))
    expectEqual(bench.report(0).dropped.verdict, 30)
    expectEqual(bench.report(0).sent, PortReport.Traffic())
    expectEqual(bench.report(1).sent, PortReport.Traffic(packets: 90, bytes: 5400))
    expectEqual(bench.report(1).dropped, PortReport.Drops())
  }

  @Test("Nothing there: nothing taken, nothing published")
  func empty() throws {
    var bench = try Bench { $0.ports = 2 }
    let count = bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }
    expectEqual(count, 0)
    bench.check()
  }

  @Test("A burst is no longer than configured")
  func burst() throws {
    var bench = try Bench { $0.ports = 2 }
    bench.arrive(0..<7)
    expectEqual(bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .drop }, 4)
    expectEqual(bench.rings(0).receive.pending, 3)
    expectEqual(bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .drop }, 3)
    expectEqual(bench.report(0).dropped.verdict, 7)
    bench.check()
  }

  @Test("A port may be its own destination, and what the closure writes goes out")
  func reflect() throws {
    var bench = try Bench { $0.position = .max - 7 }
    for round in 0..<20 {
      bench.arrive(round * 3..<round * 3 + 3)
      bench.engine.forward(from: bench.ports[0], to: bench.ports[0]) { packet in
        packet.swapAddresses()
        return .forward
      }
      let wanted = packets(round * 3..<round * 3 + 3).map {
        Array($0[6..<12] + $0[0..<6] + $0[12...])
      }
      expectEqual(bench.kernels[0].transmitAll(), wanted)
      bench.check()
    }
  }

  @Test("What a full destination has no room for is dropped, counted and freed")
  func full() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.ringSize = 8
      $0.configuration.burst = 8
    }
    for number in 100..<105 { expect(bench.send(number, to: 1)) }
    bench.arrive(0..<8)
    // Number 1 is dropped by verdict, 0, 2, 3 fit, 4 to 7 do not; of these 6 was to be dropped.
    let count = bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { packet in
      [1, 6].contains(copy(packet.bytes)[0]) ? .drop : .forward
    }
    expectEqual(count, 8)
    bench.check()
    expectEqual(bench.report(1).dropped.transmitFull, 3)
    expectEqual(bench.report(0).dropped.verdict, 2)
    expectEqual(bench.report(0).received, PortReport.Traffic(packets: 8, bytes: 480))
    expectEqual(bench.report(1).sent, PortReport.Traffic(packets: 8, bytes: 480))
    expectEqual(
      bench.kernels[1].transmitAll(), packets(100..<105) + [packet(0), packet(2), packet(3)])
    for _ in 0..<2 { expect(try bench.engine.wait(timeout: .zero)) }
    expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
    bench.check()
  }

  @Test("A full destination that gets room in the middle of the burst is used again")
  func roomAgain() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.ringSize = 8
      $0.configuration.burst = 8
    }
    for number in 100..<108 { expect(bench.send(number, to: 1)) }
    bench.arrive(0..<8)
    let kernel = bench.kernels[1]
    var seen = 0
    var sent: [[UInt8]] = []
    bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in
      seen += 1
      if seen == 3 { sent = kernel.transmitAll() }
      return .forward
    }
    expectEqual(sent, packets(100..<108))
    // The third packet itself already finds the room.
    expectEqual(kernel.transmitAll(), packets(2..<8))
    expectEqual(bench.report(1).dropped.transmitFull, 2)
    bench.check()
  }

  @Test("What a burst taken frame by frame has left, forward takes; then the burst is over")
  func mixedWithReceive() throws {
    var bench = try Bench { $0.ports = 2 }
    bench.arrive(0..<6)
    expectEqual(bench.take(1), packets(0..<1))
    expectEqual(bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }, 4)
    expectEqual(bench.kernels[1].transmitAll(), packets(1..<5))
    expectEqual(bench.takeAll() + bench.takeAll(), packets(5..<6))
    expectEqual(bench.report().received.packets, 6)
    bench.check()
  }

  @Test("A burst that finds its fill ring full and sends nothing holds back no later packet")
  func fillRingFullWithinBurst() throws {
    var bench = try Bench { $0.ports = 2 }
    let (source, destination) = (bench.ports[0], bench.ports[1])
    bench.arrive(0..<4)
    while let frame = bench.engine.receive(from: source) {
      bench.engine.send(frame, to: destination)
    }
    bench.arrive(4..<6)
    expectEqual(bench.take(1), [packet(4)])
    // What was sent fills the ring of the burst that is open.
    expectEqual(bench.kernels[1].transmitAll(), packets(0..<4))
    expect(bench.send(6, to: 1))
    bench.engine.flush()
    expectEqual(bench.engine.forward(from: source, to: destination) { _ in .drop }, 1)
    expect(bench.send(7, to: 1))
    bench.engine.flush()
    expectEqual(bench.kernels[1].transmitAll(), packets(6..<8))
    bench.check()
  }

  @Test("A packet that ends just where its chunk does goes forward as well")
  func longest() throws {
    var bench = try Bench()
    let packets = [1791, 1792, 60].map { packet(0, byteCount: $0) }
    for packet in packets { expect(bench.kernels[0].deliver(packet)) }
    expectEqual(
      bench.engine.forward(from: bench.ports[0], to: bench.ports[0]) { _ in .forward }, 3)
    expectEqual(bench.kernels[0].transmitAll(), packets)
    expectEqual(bench.report().untrusted, 0)
    bench.check()
  }

  @Test("What is dropped behind a packet that ends just where its chunk does finds its place too")
  func dropsBehindLongest() throws {
    var bench = try Bench { $0.configuration.burst = 8 }
    for length in [60, 1792, 60, 60] {
      expect(bench.kernels[0].deliver(packet(0, byteCount: length)))
    }
    expectEqual(bench.engine.forward(from: bench.ports[0], to: bench.ports[0]) { _ in .drop }, 4)
    bench.check()
    expectEqual(bench.report().dropped.verdict, 4)
    bench.arrive(0..<8)
    expectEqual(bench.takeAll(), packets(0..<8))
    bench.check()
  }
}

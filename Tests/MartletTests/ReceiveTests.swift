import Expectations
import Martlet
import MartletTestKit
import Testing

@Suite struct ReceiveTests {
  @Test("Packets come in order, with their bytes, length and place")
  func orderAndContent() throws {
    var bench = try Bench()
    for (number, length) in [14, 60, 1514, 1792].enumerated() {
      expect(bench.kernels[0].deliver(packet(number, byteCount: length)))
    }
    for (number, length) in [14, 60, 1514, 1792].enumerated() {
      guard let frame = bench.engine.receive(from: bench.ports[0]) else {
        Issue.record("packet \(number) is missing")
        return
      }
      expectEqual(frame.byteCount, length)
      expectEqual(frame.fragmentCount, 1)
      expectEqual(frame.address % 2048, 256)
      let bytes = bench.bytes(of: frame)
      expectEqual(bytes, packet(number, byteCount: length))
      bench.engine.release(frame)
      bench.check()
    }
    expectEqual(bench.take(), [])
    expectEqual(bench.report().received.packets, 4)
    expectEqual(bench.report().received.bytes, 14 + 60 + 1514 + 1792)
  }

  @Test("A burst ends in nil; the next call begins another")
  func bursts() throws {
    var bench = try Bench { $0.configuration.fillDepth = 16 }
    bench.arrive(0..<10)
    expectEqual(bench.take(), packets(0..<4))
    expectEqual(bench.take(), packets(4..<8))
    expectEqual(bench.take(), packets(8..<10))
    expectEqual(bench.take(), [])
    expectEqual(bench.take(), [])
    bench.arrive(10..<11)
    expectEqual(bench.take(), packets(10..<11))
    bench.check()
  }

  @Test("The rings are published once per burst, at its end")
  func publishing() throws {
    var bench = try Bench()
    let rings = bench.rings()
    expectEqual(rings.fill.pending, 8)
    bench.arrive(0..<6)
    expectEqual(rings.fill.pending, 2)
    // The burst's opening tops the fill ring up: what is to be received counts as posted.
    guard let first = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    bench.engine.release(first)
    expectEqual(bench.take(3), packets(1..<4))
    expectEqual(rings.receive.pending, 6)
    expectEqual(rings.fill.pending, 2)
    expectEqual(bench.places(), [56, 6, 2, 0, 0, 0])
    expectEqual(bench.take(), [])
    expectEqual(rings.receive.pending, 2)
    expectEqual(rings.fill.pending, 6)
    bench.check()
  }

  @Test("What arrives during a burst waits for the next")
  func windowIsFixed() throws {
    var bench = try Bench()
    bench.arrive(0..<2)
    expectEqual(bench.take(1), packets(0..<1))
    bench.arrive(2..<3)
    expectEqual(bench.take(), packets(1..<2))
    expectEqual(bench.take(), packets(2..<3))
  }

  @Test("Positions wrap at 2^32 on every ring", arguments: [UInt32.max - 3, .max, .max - 40])
  func wrap(_ position: UInt32) throws {
    var bench = try Bench {
      $0.position = position
      $0.ringSize = 8
    }
    for round in 0..<40 {
      bench.arrive(round * 3..<round * 3 + 3)
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        bench.engine.send(frame, to: bench.ports[0])
      }
      expectEqual(bench.kernels[0].transmitAll(), packets(round * 3..<round * 3 + 3))
      bench.check()
    }
    expectEqual(bench.report().received.packets, 120)
    expectEqual(bench.report().sent.packets, 120)
    expectEqual(bench.report().untrusted, 0)
  }

  @Test("A held frame is replaced on the fill ring while anything is free, and no longer")
  func starvationAndRecovery() throws {
    var bench = try Bench { $0.chunks = 10 }
    var shelf = Shelf()
    var number = 0
    while bench.kernels[0].deliver(packet(number)) {
      number += 1
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        shelf.put(bench.engine.settle(frame, .wholeSlot))
      }
      bench.check()
    }
    expectEqual(number, 10)
    expectEqual(bench.places(), [0, 0, 0, 10, 0, 0])
    expectEqual(bench.kernels[0].counts.fillEmpty, 1)
    // One comes back: one packet can come.
    if let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    bench.arrive(20..<21)
    expect(!bench.kernels[0].deliver(packet(21)))
    while let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    bench.check()
    expectEqual(bench.places(), [2, 7, 1, 0, 0, 0])
    expectEqual(bench.takeAll(), packets(20..<21))
  }

  @Test(
    "Frames released between bursts reach the kernel with the next idle wait, or receive",
    arguments: [true, false])
  func releasedLater(_ waits: Bool) throws {
    var bench = try Bench {
      $0.chunks = 4; $0.configuration.fillDepth = 4
    }
    var shelf = Shelf()
    bench.arrive(0..<4)
    while let frame = bench.engine.receive(from: bench.ports[0]) { shelf.put(frame) }
    expectEqual(bench.rings().fill.pending, 0)
    while let frame = shelf.take() { bench.engine.release(frame) }
    if waits {
      expect(try bench.engine.wait(timeout: .zero))
    } else {
      expectEqual(bench.take(), [])
    }
    expectEqual(bench.rings().fill.pending, 4)
    bench.arrive(4..<8)
    expectEqual(bench.takeAll(), packets(4..<8))
  }

  @Test("wait leaves a fill ring to its port's next burst while there are packets, of any port")
  func releasedWhileOthersCome() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.chunks = 8
      $0.configuration.fillDepth = 4
    }
    var shelf = Shelf()
    bench.arrive(0..<4)
    while let frame = bench.engine.receive(from: bench.ports[0]) { shelf.put(frame) }
    expect(bench.kernels[1].deliver(packet(9)))
    while let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.rings().fill.pending, 0)
    expectEqual(bench.take(), [])
    expectEqual(bench.rings().fill.pending, 4)
    bench.check()
  }

  @Test("wait gives back what was taken and what was released, also within a burst")
  func oneFramePerWait() throws {
    var bench = try Bench {
      $0.ringSize = 4
      $0.configuration.fillDepth = 4
    }
    bench.arrive(0..<4)
    for number in 0..<4 {
      expectEqual(bench.take(1), [packet(number)])
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.rings().receive.pending, UInt32(3 - number))
      expectEqual(bench.rings().fill.pending, UInt32(1 + number))
    }
    // The burst is still open: its end has not been seen.
    bench.arrive(4..<8)
    expectEqual(bench.take(), [])
    expectEqual(bench.take(), packets(4..<8))
    bench.check()
  }

  @Test("A long run of what cannot be believed ends", .timeLimit(.minutes(1)))
  func longGarbage() throws {
    var bench = try Bench {
      $0.ringSize = 1 << 15; $0.configuration.burst = 1 << 15
    }
    bench.show([Descriptor](repeating: Descriptor(address: .max, byteCount: 60), count: 1 << 15))
    expectEqual(bench.take(), [])
    expectEqual(bench.report().untrusted, 1 << 15)
    expectEqual(bench.report().received.packets, 0)
    bench.check()
  }
}

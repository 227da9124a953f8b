import Expectations
import Martlet
import MartletTestKit
import Testing

@Suite struct CompletionTests {
  /// Sends `count` packets that arrived on port 0 back out of it, and lets the kernel send them.
  private func reflect(_ bench: inout Bench, _ numbers: Range<Int>) {
    bench.arrive(numbers)
    for _ in 0..<numbers.count {
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
      bench.engine.send(frame, to: bench.ports[0])
    }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(numbers))
  }

  @Test("Completed frames go to the fill ring first, the rest to the allocator")
  func recycled() throws {
    var bench = try Bench { $0.chunks = 12 }
    reflect(&bench, 0..<4)
    // Fill has four of eight, four are complete; the next burst's opening puts these back.
    expectEqual(bench.places(), [4, 4, 0, 0, 0, 4])
    expectEqual(bench.take(), [])
    expectEqual(bench.take(), [])
    expectEqual(bench.places(), [4, 8, 0, 0, 0, 0])
    expectEqual(bench.rings().fill.pending, 8)
    // With the fill ring at its depth, they are free.
    for number in 0..<4 { expect(bench.send(number)) }
    bench.engine.flush()
    _ = bench.kernels[0].transmitAll()
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [4, 8, 0, 0, 0, 0])
    bench.check()
  }

  @Test("What went out of a port whose fill ring is full goes to the fill ring it came from")
  func oneWay() throws {
    var bench = try Bench { ($0.ports, $0.chunks) = (2, 16) }
    for round in 0..<10 {
      let numbers = round * 4..<round * 4 + 4
      bench.arrive(numbers)
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        bench.engine.send(frame, to: bench.ports[1])
      }
      expectEqual(bench.kernels[1].transmitAll(), packets(numbers))
      expectEqual(bench.rings(0).fill.pending, 4)
      // The burst of the other port takes them back; none is free meanwhile.
      expectEqual(bench.take(from: 1), [])
      expectEqual(bench.rings(0).fill.pending, 8)
      expectEqual(bench.places(), [0, 16, 0, 0, 0, 0])
      bench.check()
    }
  }

  @Test("What was sent never goes to the fill ring of another group")
  func oneWayBetweenGroups() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.portGroups = [FlowGroup(index: 1), FlowGroup(index: 2)]
      $0.configuration.groups = [.init(), .init(), .init()]
    }
    for port in 0..<2 {
      bench.arrive(0..<4, to: port)
      while let frame = bench.engine.receive(from: bench.ports[port]) {
        bench.engine.send(frame, to: bench.ports[port])
      }
    }
    expectEqual(bench.take(from: 1), [])
    expectEqual(bench.rings(1).fill.pending, 8)
    expectEqual(bench.kernels[1].transmitAll(), packets(0..<4))
    expectEqual(bench.take(from: 1), [])
    expectEqual(bench.rings(0).fill.pending, 4)
    expectEqual(bench.rings(1).fill.pending, 8)
    bench.check()
  }

  @Test("What goes to the fill ring is the chunk's start, for each frame once")
  func fillEntries() throws {
    var bench = try Bench()
    reflect(&bench, 0..<4)
    bench.kernels[0].faults.losesBitZero = true
    _ = bench.take()
    _ = bench.take()
    var addresses: Set<UInt64> = []
    let rings = bench.rings()
    for _ in 0..<rings.fill.peek(.max) {
      let address = rings.fill.take()
      expectEqual(address % 2048, 0)
      expect(addresses.insert(address).inserted)
    }
    expectEqual(addresses.count, 8)
    bench.check()
  }

  @Test(
    "A stranger among completions holds up none of the others, wherever it stands",
    arguments: (1...5).flatMap { count in (0...count).map { (count, $0) } })
  func stranger(_ count: Int, _ place: Int) throws {
    var bench = try Bench { $0.configuration.burst = 8 }
    bench.arrive(0..<count)
    while let frame = bench.engine.receive(from: bench.ports[0]) {
      bench.engine.send(frame, to: bench.ports[0])
    }
    let rings = bench.rings()
    var addresses: [UInt64] = []
    for _ in 0..<rings.transmit.peek(.max) { addresses.append(rings.transmit.take().address) }
    rings.transmit.release()
    expectEqual(addresses.count, count)
    addresses.insert(63 * 2048, at: place)
    bench.complete(addresses)
    expectEqual(bench.take(), [])
    expectEqual(bench.report().untrusted, 1)
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    bench.check()
  }

  @Test("Completions may come in any order")
  func reversed() throws {
    var bench = try Bench()
    bench.kernels[0].faults.reversesCompletions = true
    for round in 0..<10 {
      reflect(&bench, round * 4..<round * 4 + 4)
      _ = bench.take()
      bench.check()
    }
    expectEqual(bench.report().untrusted, 0)
  }

  @Test("Completions name a frame by any of its bytes", arguments: [0, 1, 255, 300, 2047])
  func anyByte(_ offset: UInt64) throws {
    var bench = try Bench { $0.configuration.fillDepth = 1 }
    expect(bench.send(0))
    bench.engine.flush()
    let rings = bench.rings()
    expectEqual(rings.transmit.peek(1), 1)
    let descriptor = rings.transmit.take()
    rings.transmit.release()
    bench.complete([descriptor.address + offset])
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [63, 1, 0, 0, 0, 0])
    expectEqual(bench.report().untrusted, 0)
    bench.check()
  }

  @Test("A completion that comes twice is believed once", arguments: [1, 8])
  func repeated(_ fillDepth: Int) throws {
    var bench = try Bench { $0.configuration.fillDepth = fillDepth }
    bench.kernels[0].faults.repeatsCompletions = true
    for round in 0..<20 {
      for number in 0..<4 { expect(bench.send(round * 4 + number)) }
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll(), packets(round * 4..<round * 4 + 4))
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
      expectEqual(bench.report().untrusted, UInt64(round + 1) * 4)
      expectEqual(bench.places(), [64 - fillDepth, fillDepth, 0, 0, 0, 0])
    }
  }

  @Test("A completion that comes twice is one frame in the ledger, before it is taken too")
  func repeatedInTheLedger() throws {
    var bench = try Bench { $0.configuration.fillDepth = 1 }
    bench.kernels[0].faults.repeatsCompletions = true
    for number in 0..<3 { expect(bench.send(number)) }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll().count, 3)
    expectEqual(bench.places(), [60, 1, 0, 0, 0, 3])
    bench.check()
  }

  @Test("Completions between those for the fill ring that cannot be believed leave no hole in it")
  func strangersAmongRecycled() throws {
    var bench = try Bench { $0.ringSize = 32 }
    bench.kernels[0].faults.repeatsCompletions = true
    bench.kernels[0].faults.garbage = [.max, 64 * 2048, 1 << 40]
    reflect(&bench, 0..<4)
    _ = bench.take()
    _ = bench.take()
    expectEqual(bench.report().untrusted, 7)
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    expectEqual(bench.rings().fill.pending, 8)
    bench.check()
    bench.kernels[0].faults.repeatsCompletions = false
    for round in 1..<5 { reflect(&bench, round * 4..<round * 4 + 4); _ = bench.take() }
    expectEqual(bench.kernels[0].counts.invalidFill, 0)
    bench.check()
  }

  @Test("A completion for a frame that is elsewhere changes nothing")
  func elsewhere() throws {
    var bench = try Bench { $0.ports = 2 }
    bench.arrive(0..<1)
    guard let received = bench.engine.receive(from: bench.ports[0]),
      let held = bench.engine.allocate(byteCount: 60)
    else { return expect(false) }
    expect(bench.send(5, to: 1))
    bench.engine.flush()
    expectEqual(bench.rings(1).transmit.peek(1), 1)
    let sent = bench.rings(1).transmit.pendingEntry(0)
    expect(try bench.engine.wait(timeout: .zero))
    let before = bench.places()
    // Received, held, free, in fill of either port, in transmit of the other.
    let filled = bench.rings(1).fill.pendingEntry(0)
    bench.complete([received.address, held.address, 63 * 2048, filled, sent.address, .max])
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.report().untrusted, 6)
    expectEqual(bench.places(), before)
    bench.check()
    bench.engine.release(received)
    bench.engine.release(held)
    bench.check()
  }

  @Test("Completions that are held back, or never come, are frames in flight")
  func late() throws {
    var bench = try Bench { $0.configuration.fillDepth = 2 }
    bench.kernels[0].faults.holdsCompletions = true
    for number in 0..<3 { expect(bench.send(number)) }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll().count, 3)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [59, 2, 0, 0, 3, 0])
    bench.check()
    bench.kernels[0].releaseCompletions()
    expectEqual(bench.places(), [59, 2, 0, 0, 0, 3])
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [62, 2, 0, 0, 0, 0])
    bench.check()
  }
}

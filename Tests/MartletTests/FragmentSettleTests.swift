import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// Jumbo packets that are kept: what is trimmed off the last fragment is others', the rest is not.
@Suite struct FragmentSettleTests {
  private func makeBench(
    isUnaligned: Bool, chunkSize: Int = 2048, _ change: (inout Bench.Setup) -> Void = { _ in }
  ) throws -> Bench {
    try Bench {
      $0.configuration.takesFragments = true
      $0.configuration.isUnaligned = isUnaligned
      $0.configuration.chunkSize = chunkSize
      change(&$0)
    }
  }

  @Test(
    "The last fragment's tail is freed, once, and the packet is sent and comes home",
    arguments: [false, true], [(2048, 2 * 32 + 4 + 7), (4096, 64 + 4 + 3)])
  func trimmed(_ isUnaligned: Bool, _ chunk: (size: Int, granules: Int)) throws {
    let long = packet(7, byteCount: 4000)
    for sends in [false, true] {
      var bench = try makeBench(isUnaligned: isUnaligned, chunkSize: chunk.size)
      expect(bench.kernels[0].deliver(long))
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
      let count = frame.fragmentCount
      var settled = bench.engine.settle(frame)
      expectEqual(bench.engine.ledger().held, chunk.granules)
      settled = bench.engine.settle(bench.engine.compact(settled), .pack)
      expectEqual(settled.fragmentCount, count)
      expect(!bench.engine.setByteCount(100, of: &settled))
      expectEqual(bench.engine.ledger().held, chunk.granules)
      let bytes = bench.content(of: settled)
      expectEqual(bytes, long)
      bench.check()
      if sends {
        bench.engine.send(settled, to: bench.ports[0])
        bench.check()
        bench.engine.flush()
        bench.kernels[0].faults.losesBitZero = true
        bench.kernels[0].faults.reversesCompletions = true
        bench.kernels[0].faults.repeatsCompletions = true
        expectEqual(bench.kernels[0].transmitAll(), [long])
        expectEqual(bench.engine.ledger().completion, chunk.granules)
      } else {
        bench.engine.release(settled)
      }
      bench.check()
      _ = bench.take()
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.report().untrusted, sends ? UInt64(count) : 0)
      expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
      bench.check()
    }
  }

  @Test(
    "A group of its own takes no packet of several fragments: dropped, counted, every piece freed",
    arguments: [false, true], [false, true])
  func intoAGroup(_ isUnaligned: Bool, _ settlesFirst: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned) {
      $0.configuration.groups = [.init(), .init()]
    }
    expect(bench.kernels[0].deliver(packet(1, byteCount: 4000)))
    guard var frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    if settlesFirst { frame = bench.engine.settle(frame) }
    if let kept = bench.engine.settle(frame, in: FlowGroup(index: 1)) {
      bench.engine.release(kept)
      return expect(false)
    }
    expectEqual(bench.report().dropped.quota, 1)
    bench.check()
    _ = bench.take()
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test(
    "A jumbo packet with a trimmed end onto a full ring is dropped whole", arguments: [false, true])
  func full(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned) { $0.ringSize = 8 }
    expect(bench.kernels[0].deliver(packet(1, byteCount: 4000)))
    guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    let settled = bench.engine.settle(frame)
    for number in 0..<6 { expect(bench.send(number)) }
    bench.engine.send(settled, to: bench.ports[0])
    expectEqual(bench.report().dropped.transmitFull, 1)
    bench.check()
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<6))
    _ = bench.take()
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    bench.check()
  }

  @Test(
    "Jumbo and short packets kept among each other, whose ends and slots others get: all intact",
    arguments: [false, true], 1...6 as ClosedRange<UInt64>)
  func amongEachOther(_ isUnaligned: Bool, _ seed: UInt64) throws {
    var bench = try makeBench(isUnaligned: isUnaligned, chunkSize: seed % 2 == 0 ? 2048 : 4096) {
      $0.chunks = 96
      $0.ringSize = 32
      $0.configuration.fillDepth = 16
      $0.configuration.burst = 8
    }
    var random = SeededGenerator(seed: seed)
    var shelf = Shelf()
    var kept: [[UInt8]] = []
    var arrived: [[UInt8]] = []
    for number in 0..<600 {
      let lengths = [60, 500, 1700, 3000, 4000, 9014]
      let bytes = packet(number, byteCount: lengths[Int.random(in: 0..<6, using: &random)])
      if bench.kernels[0].deliver(bytes) { arrived.append(bytes) }
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        let received = bench.content(of: frame)
        expectEqual(received, arrived.removeFirst())
        let ways: [Settling] = [.inPlace, .pack, .copyBreak(upTo: 600), .wholeSlot]
        kept.append(received)
        shelf.put(bench.engine.settle(frame, ways[Int.random(in: 0..<4, using: &random)]))
        bench.check()
      }
      // The oldest go, sooner when memory is short.
      let most = Int.random(in: 0...8, using: &random)
      var sent: [[UInt8]] = []
      while shelf.count > most, let frame = shelf.take() {
        let bytes = bench.content(of: frame)
        expectEqual(bytes, kept.removeFirst())
        if Int.random(in: 0..<3, using: &random) == 0 {
          bench.engine.release(frame)
        } else if bench.engine.sendRoom(of: bench.ports[0]) >= 9 {
          sent.append(bytes)
          bench.engine.send(frame, to: bench.ports[0])
        } else {
          bench.engine.release(frame)
        }
      }
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.kernels[0].transmitAll(), sent)
      bench.check()
    }
    expectEqual(bench.report().untrusted, 0)
    expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    while let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [80, 16, 0, 0, 0, 0])
  }

  @Test("In unaligned memory a piece that cannot be believed breaks its packet", arguments: 0..<3)
  func badPiece(_ place: Int) throws {
    var bench = try makeBench(isUnaligned: true) { $0.configuration.burst = 8 }
    bench.arrive(0..<1)
    let rings = bench.rings()
    var descriptors = (0..<2).map { _ in
      expectEqual(rings.fill.peek(1), 1)
      defer { rings.fill.release() }
      return Descriptor(address: rings.fill.take() | 256 << 48, byteCount: 1000, options: 1)
    }
    // In the first piece's slot, which is received by the time this one is looked at; or, in front
    // of it, in no slot's place.
    let stranger = descriptors[0].address & 0xFFFF_FFFF_FFFF | (place == 0 ? 64 : 0)
    descriptors.insert(
      Descriptor(address: stranger | 256 << 48, byteCount: 1000, options: 1), at: place)
    descriptors[2] = Descriptor(address: descriptors[2].address, byteCount: 1000)
    bench.show(descriptors)
    bench.arrive(1..<2)
    expectEqual(bench.take(), packets(0..<2))
    expectEqual(bench.report().dropped.broken, 1)
    expectEqual(bench.report().untrusted, 1)
    expectEqual(bench.report().received.packets, 2)
    bench.check()
    expectEqual(bench.take(), [])
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }
}

extension Bench {
  /// The bytes of a frame, of all fragments.
  fileprivate func content(of frame: borrowing Frame) -> [UInt8] {
    (0..<frame.fragmentCount).flatMap { copy(engine.bytes(of: frame, fragment: $0)) }
  }
}

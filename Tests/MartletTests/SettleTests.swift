import Expectations
import MartletTestKit
import Testing

@testable import Martlet

@Suite struct SettleTests {
  private func makeBench(
    isUnaligned: Bool, chunks: Int = 64, groups: [FlowGroup.Configuration] = [.init()]
  ) throws -> Bench {
    try Bench {
      $0.chunks = chunks
      $0.configuration.isUnaligned = isUnaligned
      $0.configuration.groups = groups
    }
  }

  /// The next packet, over the end of a burst.
  private func receive(_ bench: inout Bench) -> Frame? {
    if let frame = bench.engine.receive(from: bench.ports[0]) { return frame }
    return bench.engine.receive(from: bench.ports[0])
  }

  /// Receives a packet of `byteCount` bytes, settles it and hands what that made to `body`.
  private func settle(
    _ byteCount: Int, _ settling: Settling, isUnaligned: Bool,
    _ body: (inout Bench, consuming Frame, _ before: UInt64) throws -> Void
  ) throws {
    var bench = try makeBench(isUnaligned: isUnaligned)
    expect(bench.kernels[0].deliver(packet(1, byteCount: byteCount)))
    guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    let before = frame.address
    let settled = bench.engine.settle(frame, settling)
    let bytes = bench.bytes(of: settled)
    expectEqual(bytes, packet(1, byteCount: byteCount))
    bench.check()
    try body(&bench, settled, before)
    bench.check()
    expectEqual(bench.engine.ledger().held, 0)
  }

  @Test(
    "What is kept of a slot: all of it, or what its packet fills",
    arguments: [false, true], [(64, 1), (65, 2), (594, 10), (1518, 24)])
  func granules(_ isUnaligned: Bool, _ packet: (byteCount: Int, granules: Int)) throws {
    try settle(packet.byteCount, .wholeSlot, isUnaligned: isUnaligned) { bench, frame, before in
      expectEqual(bench.engine.ledger().held, 32)
      expectEqual(frame.address, before)
      bench.engine.release(frame)
    }
    try settle(packet.byteCount, .inPlace, isUnaligned: isUnaligned) { bench, frame, before in
      expectEqual(bench.engine.ledger().held, packet.granules)
      expectEqual(frame.address, before)
      expectEqual(bench.engine.copies.packets, 0)
      bench.engine.release(frame)
    }
    try settle(packet.byteCount, .pack, isUnaligned: isUnaligned) { bench, frame, before in
      expectEqual(bench.engine.ledger().held, packet.granules)
      expectEqual(bench.engine.copies.packets, 1)
      expectEqual(bench.engine.copies.bytes, UInt64(packet.byteCount))
      expect(frame.address != before)
      bench.engine.release(frame)
    }
  }

  @Test("Copybreak copies up to its limit and trims what is longer", arguments: [false, true])
  func copyBreak(_ isUnaligned: Bool) throws {
    for (byteCount, copies) in [(256, 1), (257, 0)] {
      let policy = Settling.copyBreak(upTo: 256)
      try settle(byteCount, policy, isUnaligned: isUnaligned) { bench, frame, before in
        expectEqual(bench.engine.copies.packets, UInt64(copies))
        expectEqual(frame.address == before, copies == 0)
        expectEqual(bench.engine.ledger().held, (byteCount + 63) / 64)
        bench.engine.release(frame)
      }
    }
  }

  @Test("A packet that was copied out leaves its slot to the fill ring", arguments: [false, true])
  func slotComesBack(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned)
    var shelf = Shelf()
    bench.arrive(0..<4)
    while let frame = bench.engine.receive(from: bench.ports[0]) {
      shelf.put(bench.engine.settle(frame, .pack))
    }
    expectEqual(bench.engine.ledger().fill, 8 * 32)
    expectEqual(bench.engine.ledger().held, 4)
    var number = 0
    while let frame = shelf.take() {
      let bytes = bench.bytes(of: frame)
      expectEqual(bytes, packet(number))
      number += 1
      bench.engine.send(frame, to: bench.ports[0])
    }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<4))
    expect(try bench.engine.wait(timeout: .zero))
    bench.check()
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test("What trimmed slots leave free holds other frames", arguments: [false, true])
  func remainders(_ trims: Bool) throws {
    var bench = try makeBench(isUnaligned: true, chunks: 16)
    var shelf = Shelf()
    while bench.kernels[0].deliver(packet(shelf.count, byteCount: 594)) {
      guard let frame = receive(&bench) else { return expect(false) }
      shelf.put(bench.engine.settle(frame, trims ? .inPlace : .wholeSlot))
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    expectEqual(shelf.count, 16)
    while shelf.count < 64, let frame = bench.engine.allocate(byteCount: 1024) { shelf.put(frame) }
    // In each page: two slots, each with ten granules of a packet and four in front of it.
    expectEqual(shelf.count, trims ? 16 + 16 : 16)
    while let frame = shelf.take() { bench.engine.release(frame) }
    bench.check()
  }

  @Test("Frames to send are packed, many to a page, and come home one by one")
  func packedTransmit() throws {
    var bench = try makeBench(isUnaligned: true)
    for number in 0..<12 { expect(bench.send(number, byteCount: 200)) }
    expectEqual(bench.engine.ledger().transmit, 12 * 4)
    bench.engine.flush()
    bench.check()
    bench.kernels[0].faults.losesBitZero = true
    bench.kernels[0].faults.reversesCompletions = true
    expectEqual(bench.kernels[0].transmitAll(), (0..<12).map { packet($0, byteCount: 200) })
    expect(try bench.engine.wait(timeout: .zero))
    bench.check()
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    expectEqual(bench.report().untrusted, 0)
  }

  @Test(
    "A group at its quota keeps no more, the other goes on, and each drop has its cause",
    arguments: [false, true])
  func quota(_ isUnaligned: Bool) throws {
    let groups: [FlowGroup.Configuration] = [.init(), .init(quota: 4096), .init()]
    var bench = try makeBench(isUnaligned: isUnaligned, groups: groups)
    var shelf = Shelf()
    var kept = [0, 0, 0]
    for number in 0..<24 {
      expect(bench.kernels[0].deliver(packet(number, byteCount: 640)))
      guard let frame = receive(&bench) else { return expect(false) }
      let group = 1 + number % 2
      if let settled = bench.engine.settle(frame, in: FlowGroup(index: group)) {
        kept[group] += 1
        let bytes = bench.bytes(of: settled)
        expectEqual(bytes, packet(number, byteCount: 640))
        shelf.put(settled)
      }
      bench.check()
      expect(try bench.engine.wait(timeout: .zero))
    }
    // A page of 64 granules holds six of ten, three in each chunk.
    expectEqual(kept[1], 6)
    expectEqual(kept[2], 12)
    expectEqual(bench.report().dropped.quota, UInt64(12 - kept[1]))
    expectEqual(bench.report().received.packets, 24)
    while let frame = shelf.take() { bench.engine.send(frame, to: bench.ports[0]) }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll().count, min(16, kept[1] + kept[2]))
    expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    bench.check()
  }

  @Test(
    "A packet that is packed already stays where it is, unless a page is fuller",
    arguments: [false, true])
  func packedTwice(_ isUnaligned: Bool) throws {
    try settle(594, .pack, isUnaligned: isUnaligned) { bench, frame, _ in
      let address = frame.address
      var kept = frame
      for _ in 0..<3 {
        kept = bench.engine.settle(kept, .pack)
        expectEqual(kept.address, address)
        expectEqual(bench.engine.copies.packets, 1)
        expectEqual(bench.engine.copies.bytes, 594)
        bench.check()
      }
      // Shorter than it was, it leaves the rest free where it lies.
      expect(bench.engine.setByteCount(64, of: &kept))
      kept = bench.engine.settle(kept, .pack)
      expectEqual(kept.address, address)
      expectEqual(bench.engine.copies.packets, 1)
      expectEqual(bench.engine.ledger().held, 1)
      let bytes = bench.bytes(of: kept)
      expectEqual(bytes, Array(packet(1, byteCount: 594)[..<64]))
      bench.engine.release(kept)
    }
  }

  @Test("A packet that comes from no port of the engine is counted when a group has no room for it")
  func portless() throws {
    var bench = try makeBench(isUnaligned: true, groups: [.init(), .init(quota: 0)])
    let group = FlowGroup(index: 1)
    expect(bench.kernels[0].deliver(packet(1, byteCount: 640)))
    guard let received = receive(&bench), let made = bench.engine.allocate(byteCount: 100)
    else { return expect(false) }
    let settled = bench.engine.settle(received)
    let kept = [
      bench.engine.settle(settled, in: group) != nil, bench.engine.settle(made, in: group) != nil,
    ]
    expectEqual(kept, [false, false])
    expectEqual(bench.engine.portlessDrops, 2)
    expectEqual(bench.report().dropped.quota, 0)
    bench.check()
  }

  @Test("Compacting moves a packet into a fuller page, bytes and all")
  func compact() throws {
    var bench = try makeBench(isUnaligned: true, chunks: 16)
    var kept: [[UInt8]] = []
    var shelf = Shelf()
    // Pages with one packet of four left in each.
    for number in 0..<32 {
      guard var frame = bench.engine.allocate(byteCount: 1024) else { break }
      var view = bench.engine.mutableBytes(of: &frame)
      write(packet(number, byteCount: 1024), to: &view)
      shelf.put(frame)
    }
    for number in 0..<shelf.count {
      guard let frame = shelf.take() else { return expect(false) }
      if number % 4 == 1 {
        kept.append(bench.bytes(of: frame))
        shelf.put(frame)
      } else {
        bench.engine.release(frame)
      }
    }
    let before = bench.engine.allocator.nodeCount(of: .shared)
    for _ in 0..<shelf.count {
      guard let frame = shelf.take() else { return expect(false) }
      shelf.put(bench.engine.compact(frame))
      bench.check()
    }
    expect(bench.engine.allocator.nodeCount(of: .shared) < before)
    expect(bench.engine.copies.packets > 0)
    for bytes in kept {
      guard let frame = shelf.take() else { return expect(false) }
      let now = bench.bytes(of: frame)
      expectEqual(now, bytes)
      bench.engine.release(frame)
    }
    bench.check()
  }
}

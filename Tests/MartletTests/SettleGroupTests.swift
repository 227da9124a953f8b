import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// Packets that are kept belong to one flow group's pages and stay there.
@Suite struct SettleGroupTests {
  private func makeBench(
    isUnaligned: Bool, chunks: Int = 64, nodeOrder: Int = 0, _ groups: [FlowGroup.Configuration]
  ) throws -> Bench {
    try Bench {
      $0.chunks = chunks
      $0.configuration.isUnaligned = isUnaligned
      $0.configuration.nodeOrder = nodeOrder
      $0.configuration.groups = groups
    }
  }

  /// A frame of a group with packet `number` in it.
  private func make(
    _ bench: inout Bench, _ number: Int, _ byteCount: Int, in group: FlowGroup
  ) -> Frame? {
    guard var frame = bench.engine.allocate(byteCount: byteCount, group: group) else { return nil }
    var view = bench.engine.mutableBytes(of: &frame)
    write(packet(number, byteCount: byteCount), to: &view)
    return frame
  }

  /// The next packet, over the end of a burst.
  private func receive(_ bench: inout Bench) -> Frame? {
    if let frame = bench.engine.receive(from: bench.ports[0]) { return frame }
    return bench.engine.receive(from: bench.ports[0])
  }

  @Test(
    "A frame of a group that is settled again stays in the group's pages",
    arguments: [false, true],
    [Settling.pack, .copyBreak(upTo: 1000), .inPlace, .wholeSlot])
  func staysInItsGroup(_ isUnaligned: Bool, _ settling: Settling) throws {
    var bench = try makeBench(isUnaligned: isUnaligned, [.init(), .init(), .init()])
    let group = FlowGroup(index: 1)
    var shelf = Shelf()
    // Fuller pages of other groups would be the better place.
    for other in [0, 2] {
      guard let frame = make(&bench, 0, 1500, in: FlowGroup(index: other)) else {
        return expect(false)
      }
      shelf.put(frame)
    }
    for number in 1..<8 {
      guard let frame = make(&bench, number, 300, in: group) else { return expect(false) }
      let settled = bench.engine.settle(frame, settling)
      expectEqual(bench.engine.allocator.group(of: settled.address), group)
      let compact = bench.engine.compact(settled)
      expectEqual(bench.engine.allocator.group(of: compact.address), group)
      let bytes = bench.bytes(of: compact)
      expectEqual(bytes, packet(number, byteCount: 300))
      bench.check()
      shelf.put(compact)
    }
    while let frame = shelf.take() { bench.engine.send(frame, to: bench.ports[0]) }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll().count, 9)
    expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    bench.check()
  }

  @Test("What has a page of its own stays there, whatever the policy", arguments: [false, true])
  func isolatedStays(_ isUnaligned: Bool) throws {
    let groups: [FlowGroup.Configuration] = [.init(isIsolated: true), .init(isIsolated: true)]
    var bench = try makeBench(isUnaligned: isUnaligned, groups)
    var shelf = Shelf()
    for (number, settling) in [Settling.pack, .copyBreak(upTo: 256), .inPlace].enumerated() {
      expect(bench.kernels[0].deliver(packet(number)))
      guard let received = receive(&bench),
        let allocated = make(&bench, number, 60, in: FlowGroup(index: 1))
      else { return expect(false) }
      let before = [received.address, allocated.address]
      let first = bench.engine.settle(received, settling)
      let second = bench.engine.settle(allocated, settling)
      expectEqual([first.address, second.address], before)
      bench.check()
      shelf.put(first)
      shelf.put(second)
    }
    expectEqual(bench.engine.copies.packets, 0)
    var pages: Set<UInt64> = []
    while let frame = shelf.take() {
      expect(pages.insert(frame.address / 4096).inserted)
      bench.engine.send(frame, to: bench.ports[0])
    }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll().count, 6)
    expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    _ = bench.take()
    expect(try bench.engine.wait(timeout: .zero))
    bench.check()
  }

  @Test("Two packets of an isolated group never share a page", arguments: [false, true])
  func isolatedGroup(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned, [.init(), .init(isIsolated: true)])
    var shelf = Shelf()
    for number in 0..<6 {
      expect(bench.kernels[0].deliver(packet(number, byteCount: 100 + number)))
      guard let received = receive(&bench),
        let settled = bench.engine.settle(received, in: FlowGroup(index: 1))
      else { return expect(false) }
      let bytes = bench.bytes(of: settled)
      expectEqual(bytes, packet(number, byteCount: 100 + number))
      bench.check()
      shelf.put(settled)
    }
    expectEqual(bench.engine.ledger().held, 6 * 64)
    var pages: Set<UInt64> = []
    while let frame = shelf.take() {
      expect(pages.insert(frame.address / 4096).inserted)
      bench.engine.send(frame, to: bench.ports[0])
    }
    bench.engine.flush()
    expectEqual(
      bench.kernels[0].transmitAll(), (0..<6).map { packet($0, byteCount: 100 + $0) })
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    bench.check()
  }

  @Test("A packet is never longer than the kernel sends, also in a page of its own")
  func setByteCount() throws {
    for isUnaligned in [false, true] {
      var bench = try makeBench(isUnaligned: isUnaligned, [.init(), .init(isIsolated: true)])
      expect(bench.kernels[0].deliver(packet(1)))
      guard let received = bench.engine.receive(from: bench.ports[0]),
        var settled = bench.engine.settle(received, in: FlowGroup(index: 1)),
        var allocated = make(&bench, 2, 60, in: FlowGroup(index: 1))
      else { return expect(false) }
      expect(!bench.engine.setByteCount(2049, of: &settled))
      expect(!bench.engine.setByteCount(2049, of: &allocated))
      expect(bench.engine.setByteCount(2048, of: &settled))
      expect(bench.engine.setByteCount(2048, of: &allocated))
      bench.engine.send(settled, to: bench.ports[0])
      bench.engine.send(allocated, to: bench.ports[0])
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll().map(\.count), [2048, 2048])
      expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
  }

  @Test("A packed frame grows to its granule's end and no further", arguments: [false, true])
  func setByteCountOfPacked(_ isUnaligned: Bool) throws {
    for settling in [Settling.inPlace, .pack] {
      var bench = try makeBench(isUnaligned: isUnaligned, [.init()])
      expect(bench.kernels[0].deliver(packet(1, byteCount: 100)))
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
      var settled = bench.engine.settle(frame, settling)
      expect(!bench.engine.setByteCount(129, of: &settled))
      expect(!bench.engine.setByteCount(0, of: &settled))
      expect(bench.engine.setByteCount(128, of: &settled))
      expect(bench.engine.setByteCount(1, of: &settled))
      expect(bench.engine.setByteCount(100, of: &settled))
      let bytes = bench.bytes(of: settled)
      expectEqual(bytes, packet(1, byteCount: 100))
      bench.engine.release(settled)
      bench.check()
    }
  }

  @Test(
    "A packet that is in the group already needs no more of its quota", arguments: [false, true])
  func settledTwice(_ isUnaligned: Bool) throws {
    let groups: [FlowGroup.Configuration] = [.init(), .init(quota: 4096)]
    var bench = try makeBench(isUnaligned: isUnaligned, groups)
    let group = FlowGroup(index: 1)
    expect(bench.kernels[0].deliver(packet(1, byteCount: 1700)))
    guard let frame = bench.engine.receive(from: bench.ports[0]),
      let first = bench.engine.settle(frame, in: group)
    else { return expect(false) }
    while let more = bench.engine.allocate(byteCount: 1700, group: group) {
      bench.engine.send(more, to: bench.ports[0])
    }
    let before = first.address
    guard let second = bench.engine.settle(first, in: group) else { return expect(false) }
    expectEqual(second.address, before)
    expectEqual(bench.report().dropped.quota, 0)
    bench.engine.release(second)
    bench.check()
  }

  @Test(
    "Packets of many lengths, groups and node orders: settled, compacted, sent, nothing lost",
    arguments: [false, true], 0...3)
  func random(_ isUnaligned: Bool, _ nodeOrder: Int) throws {
    var bench = try makeBench(
      isUnaligned: isUnaligned, chunks: 128, nodeOrder: nodeOrder,
      [.init(), .init(quota: 32768), .init(isIsolated: true), .init(guarantee: 32768)])
    var random = SeededGenerator(seed: UInt64(nodeOrder))
    var shelf = Shelf()
    var sent: [[UInt8]] = []
    for number in 0..<1500 {
      let bytes = packet(number, byteCount: Int.random(in: 14...1792, using: &random))
      var received: Frame?
      if bench.kernels[0].deliver(bytes) { received = receive(&bench) }
      if let frame = received.take() {
        let group = FlowGroup(index: Int.random(in: 0..<6, using: &random))
        if group.index == 5 {
          shelf.put(bench.engine.settle(frame, .pack))
        } else if let settled = bench.engine.settle(frame, in: group) {
          expectEqual(bench.engine.allocator.group(of: settled.address), group)
          shelf.put(settled)
        }
      }
      bench.check()
      if let frame = shelf.take() {
        if shelf.count > 30 || Int.random(in: 0..<3, using: &random) == 0 {
          sent.append(bench.bytes(of: frame))
          bench.engine.send(frame, to: bench.ports[0])
        } else {
          let before = bench.bytes(of: frame)
          let moved = bench.engine.compact(bench.engine.settle(frame, .pack))
          let after = bench.bytes(of: moved)
          expectEqual(after, before)
          shelf.put(moved)
        }
      }
      expect(try bench.engine.wait(timeout: .zero))
      let packets = bench.kernels[0].transmitAll()
      expectEqual(packets, sent)
      sent = []
      bench.check()
    }
    expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    expectEqual(bench.report().untrusted, 0)
    while let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [120, 8, 0, 0, 0, 0])
  }
}

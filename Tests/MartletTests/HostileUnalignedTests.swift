import Expectations
import MartletTestKit
import Testing

@testable import Martlet

private let end: UInt64 = 64 * 2048
private let offset: UInt64 = 256 << 48
private let bad = [
  Bad(testDescription: "beyond the end", address: end | offset),
  Bad(testDescription: "far beyond", address: 1 << 47 | offset),
  Bad(testDescription: "the last address", address: .max),
  Bad(testDescription: "a free slot", address: end - 2048 | offset),
  Bad(testDescription: "the other port's slot", address: 8 * 2048 | offset),
  Bad(testDescription: "a base inside a slot", address: 1024 | offset),
  Bad(testDescription: "a base a granule into a slot", address: 64 | offset),
  Bad(testDescription: "the packet's own address as the base", address: 256),
  Bad(testDescription: "an offset to the slot's end", address: 2048 << 48),
  Bad(testDescription: "an offset into the next slot", address: 2304 << 48),
  Bad(testDescription: "the longest offset", address: 0xFFFF << 48),
  Bad(testDescription: "a byte more than the slot has", address: offset, byteCount: 1793),
  Bad(testDescription: "longer than the memory", address: offset, byteCount: UInt32(end)),
  Bad(testDescription: "the longest", address: offset, byteCount: .max),
  Bad(
    testDescription: "off its granule, a byte more than the slot has", address: 1 | offset,
    byteCount: 1793),
  Bad(testDescription: "unknown options", address: end | offset, options: 1 << 31),
]

/// What `HostileTests` and `CompletionTests` hold in aligned memory, where slots and packed frames
/// lie anywhere.
@Suite struct HostileUnalignedTests {
  private func makeBench(_ change: (inout Bench.Setup) -> Void = { _ in }) throws -> Bench {
    try Bench {
      $0.configuration.isUnaligned = true
      change(&$0)
    }
  }

  @Test(
    "A descriptor that cannot be believed is counted, and the packets around it come",
    arguments: bad, [false, true])
  func receive(_ bad: Bad, forwards: Bool) throws {
    var bench = try makeBench {
      $0.ports = 2
      $0.configuration.burst = 8
    }
    try expectRefused(bad, by: &bench, forwards: forwards)
  }

  @Test("A base off its granule is read as that granule: inside the slot, which goes back whole")
  func offTheGranule() throws {
    var bench = try makeBench()
    let rings = bench.rings()
    expectEqual(rings.fill.peek(1), 1)
    let base = rings.fill.take()
    rings.fill.release()
    bench.memory.write(packet(1), at: base + 1988)
    bench.show([Descriptor(address: base + 63 | 1988 << 48, byteCount: 60)])
    expectEqual(bench.take(), packets(1..<2))
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    expect((0..<rings.fill.pending).contains { rings.fill.pendingEntry($0) == base })
    bench.check()
  }

  @Test("In aligned memory a descriptor with an offset in its top bits is not believed")
  func offsetInAlignedMemory() throws {
    var bench = try Bench()
    bench.show((0..<4).map { Descriptor(address: $0 * 2048 | offset, byteCount: 60) })
    expectEqual(bench.takeAll(), [])
    expectEqual(bench.report().untrusted, 4)
    bench.arrive(0..<3)
    expectEqual(bench.takeAll(), packets(0..<3))
    bench.check()
  }

  @Test("A frame in another custody is not received again, nor what was trimmed off it")
  func otherCustody() throws {
    var bench = try makeBench()
    bench.arrive(0..<3)
    guard let received = bench.engine.receive(from: bench.ports[0]),
      let second = bench.engine.receive(from: bench.ports[0]),
      let third = bench.engine.receive(from: bench.ports[0])
    else { return expect(false) }
    let held = bench.engine.settle(second, .wholeSlot)
    let trimmed = bench.engine.settle(third, .inPlace)
    guard let sent = bench.engine.allocate(byteCount: 60) else { return expect(false) }
    // The fill ring has all that it wants: no slot is made any more.
    expect(try bench.engine.wait(timeout: .zero))
    var bases = [received.address, held.address, trimmed.address].map { $0 - 256 }
    bases += [trimmed.address, sent.address, sent.address & ~2047]
    let own = bases.filter { bench.engine.allocator.custody(of: $0) != .fill(0) }
    bench.engine.send(sent, to: bench.ports[0])
    bench.engine.flush()
    bench.show(own.map { Descriptor(address: $0 | offset, byteCount: 60) })
    bench.show(own.map { Descriptor(address: $0, byteCount: 60) })
    let before = bench.places()
    for _ in 0..<own.count { expectEqual(bench.takeAll(), []) }
    expectEqual(bench.report().untrusted, UInt64(2 * own.count))
    expectEqual(bench.places()[2...], before[2...])
    bench.check()
    bench.engine.release(received)
    bench.engine.release(held)
    bench.engine.release(trimmed)
    bench.check()
  }

  @Test("Completions for packed frames: twice, in any order, bit 0 lost, strangers among them")
  func completions() throws {
    var bench = try makeBench { $0.ringSize = 64 }
    bench.kernels[0].faults.repeatsCompletions = true
    bench.kernels[0].faults.reversesCompletions = true
    bench.kernels[0].faults.losesBitZero = true
    for round in 0..<20 {
      let lengths = (0..<10).map { 1 + (round * 131 + $0 * 277) % 2048 }
      for (number, length) in lengths.enumerated() {
        expect(bench.send(number, byteCount: length))
      }
      guard let held = bench.engine.allocate(byteCount: 100) else { return expect(false) }
      bench.engine.flush()
      // Outside; held by the application; in the fill ring; at a free granule; top bits set.
      bench.kernels[0].faults.garbage = [
        .max, end, held.address, bench.rings().fill.pendingEntry(0), end - 64,
        held.address | 1 << 48,
      ]
      expectEqual(
        bench.kernels[0].transmitAll(), lengths.enumerated().map { packet($0, byteCount: $1) })
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
      expectEqual(bench.report().untrusted, UInt64(round + 1) * 16)
      expectEqual(bench.engine.ledger().held, 2)
      bench.engine.release(held)
    }
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test("A packed frame that one port sends is not another's to complete")
  func otherPort() throws {
    var bench = try makeBench { $0.ports = 2 }
    bench.kernels[0].faults.holdsCompletions = true
    expect(bench.send(1, byteCount: 200, to: 0))
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), [packet(1, byteCount: 200)])
    bench.complete(bench.kernels[0].heldCompletions, at: 1)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.report(1).untrusted, 1)
    expectEqual(bench.engine.ledger().transmit, 4)
    bench.check()
    bench.kernels[0].releaseCompletions()
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.report(0).untrusted, 0)
    expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
    bench.check()
  }

  @Test("Completions that never come cost memory and then packets, never the program")
  func completionsForgotten() throws {
    var bench = try makeBench { $0.ringSize = 8 }
    let rings = bench.rings()
    // Packets of a granule: the table of frames in flight is full long before the memory is.
    for number in 0..<200 {
      expect(bench.send(number))
      bench.engine.flush()
      // A driver that takes descriptors and loses them.
      _ = rings.transmit.peek(.max)
      while rings.transmit.remaining > 0 { _ = rings.transmit.take() }
      rings.transmit.release()
      bench.check()
    }
    let report = bench.report()
    expect(report.dropped.transmitFull > 0)
    expectEqual(report.sent.packets + report.dropped.transmitFull, 200)
    expectEqual(bench.engine.ledger().transmit, Int(report.sent.packets))
    // Received packets lie in slots, and pass.
    bench.arrive(0..<1)
    guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    bench.engine.send(frame, to: bench.ports[0])
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(0..<1))
    bench.check()
  }
}

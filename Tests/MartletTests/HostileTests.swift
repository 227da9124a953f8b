import Martlet
import MartletTestKit
import Testing

/// A descriptor that names no packet of the port that it arrives on.
private struct Bad: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let descriptor: Descriptor
  /// Whether it names a chunk of the port's fill ring, which is then used up.
  var usesChunk = false
}

private let end: UInt64 = 64 * 2048
private let bad = [
  Bad(testDescription: "beyond the end", descriptor: Descriptor(address: end, byteCount: 60)),
  Bad(testDescription: "far beyond", descriptor: Descriptor(address: 1 << 62, byteCount: 60)),
  Bad(testDescription: "the last address", descriptor: Descriptor(address: .max, byteCount: 60)),
  Bad(testDescription: "a free chunk", descriptor: Descriptor(address: end - 1792, byteCount: 60)),
  Bad(
    testDescription: "the other port's chunk",
    descriptor: Descriptor(address: 8 * 2048 + 256, byteCount: 60)),
  Bad(
    testDescription: "longer than the memory",
    descriptor: Descriptor(address: 256, byteCount: UInt32(end))),
  Bad(testDescription: "the longest", descriptor: Descriptor(address: 256, byteCount: .max)),
  Bad(
    testDescription: "unknown options",
    descriptor: Descriptor(address: end + 256, byteCount: 60, options: 1 << 31)),
]

@Suite struct HostileTests {
  @Test(
    "A descriptor that cannot be believed is counted, and the packets around it come",
    arguments: bad, [false, true])
  private func receive(_ bad: Bad, forwards: Bool) throws {
    var bench = try Bench {
      $0.ports = 2; $0.configuration.burst = 8
    }
    let before = bench.places()
    bench.arrive(0..<1)
    bench.show([bad.descriptor, bad.descriptor])
    bench.arrive(1..<2)
    bench.show([bad.descriptor])
    if forwards {
      expectEqual(
        bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }, 5)
      expectEqual(bench.kernels[1].transmitAll(), packets(0..<2))
    } else {
      expectEqual(bench.take(), packets(0..<2))
    }
    bench.check()
    expectEqual(bench.report().untrusted, 3)
    expectEqual(bench.report().dropped.broken, 0)
    expectEqual(bench.report().received.packets, 2)
    expectEqual(bench.report().received.bytes, 120)
    for _ in 0..<2 { expect(try bench.engine.wait(timeout: .zero)) }
    expectEqual(bench.places(), before)
    // The ring goes on as if nothing had been.
    bench.arrive(2..<6)
    expectEqual(bench.takeAll(), packets(2..<6))
    bench.check()
  }

  @Test("A frame in another custody is not received again")
  func otherCustody() throws {
    var bench = try Bench()
    bench.arrive(0..<2)
    guard let received = bench.engine.receive(from: bench.ports[0]),
      let next = bench.engine.receive(from: bench.ports[0])
    else { return expect(false) }
    let held = bench.engine.settle(next)
    guard let sent = bench.engine.allocate(byteCount: 60) else { return expect(false) }
    let addresses = [received.address, held.address, sent.address]
    bench.engine.send(sent, to: bench.ports[0])
    bench.engine.flush()
    bench.show(addresses.map { Descriptor(address: $0, byteCount: 60) })
    let before = bench.places()
    expectEqual(bench.takeAll(), [])
    bench.engine.forward(from: bench.ports[0], to: bench.ports[0]) { _ in
      Issue.record("a packet that is none")
      return .drop
    }
    expectEqual(bench.report().untrusted, 3)
    expectEqual(bench.places()[2...], before[2...])
    bench.check()
    bench.engine.release(received)
    bench.engine.release(held)
    bench.check()
  }

  @Test("A chunk of the fill ring that is named with a bad length stays there")
  func badLengthOfAnOwnChunk() throws {
    var bench = try Bench()
    bench.show([Descriptor(address: 256, byteCount: .max)])
    expectEqual(bench.takeAll(), [])
    expectEqual(bench.report().untrusted, 1)
    bench.check()
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }
}

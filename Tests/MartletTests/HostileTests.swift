import Expectations
import Martlet
import MartletTestKit
import Testing

private let end: UInt64 = 64 * 2048
private let bad = [
  Bad(testDescription: "beyond the end", address: end),
  Bad(testDescription: "far beyond", address: 1 << 62),
  Bad(testDescription: "the last address", address: .max),
  Bad(testDescription: "a free chunk", address: end - 1792),
  Bad(testDescription: "the other port's chunk", address: 8 * 2048 + 256),
  Bad(testDescription: "longer than the memory", address: 256, byteCount: UInt32(end)),
  Bad(testDescription: "the longest", address: 256, byteCount: .max),
  Bad(testDescription: "unknown options", address: end + 256, options: 1 << 31),
]

@Suite struct HostileTests {
  @Test(
    "A descriptor that cannot be believed is counted, and the packets around it come",
    arguments: bad, [false, true])
  func receive(_ bad: Bad, forwards: Bool) throws {
    var bench = try Bench {
      $0.ports = 2
      $0.configuration.burst = 8
    }
    try expectRefused(bad, by: &bench, forwards: forwards)
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

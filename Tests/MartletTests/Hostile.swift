import Expectations
import Martlet
import MartletTestKit
import Testing

/// A descriptor that names no packet of the port that it arrives on.
struct Bad: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let address: UInt64
  var byteCount: UInt32 = 60
  var options: UInt32 = 0

  var descriptor: Descriptor {
    Descriptor(address: address, byteCount: byteCount, options: options)
  }
}

/// Records an issue unless a descriptor before, between and behind two packets is counted, the
/// packets come, and the ring goes on as if nothing had been.
func expectRefused(_ bad: Bad, by bench: inout Bench, forwards: Bool) throws {
  let before = bench.places()
  for number in 0..<2 {
    bench.show([bad.descriptor])
    bench.arrive(number..<number + 1)
  }
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
  bench.arrive(2..<6)
  expectEqual(bench.takeAll(), packets(2..<6))
  expectEqual(bench.kernels[0].counts.invalidFill, 0)
  bench.check()
}

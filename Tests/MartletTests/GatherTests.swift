import Expectations
import Martlet
import MartletTestKit
import Synchronization
import Testing

/// A sleeping engine lets packets that come in numbers gather.
@Suite struct GatherTests {
  private static func bench(
    depth: Int = 512, _ change: (inout Engine.Configuration) -> Void = { _ in }
  ) throws -> Bench {
    try Bench {
      $0.chunks = 1024
      $0.ringSize = 512
      $0.configuration.fillDepth = depth
      change(&$0.configuration)
    }
  }

  /// How often the engine let packets gather behind `count` of them.
  private static func gatherings(
    _ bench: consuming Bench, behind count: Int, timeout: Duration = .milliseconds(1)
  ) throws -> UInt64 {
    bench.arrive(0..<count)
    expectEqual(bench.takeAll().count, count)
    expect(try bench.engine.wait(timeout: timeout))
    return bench.engine.gatherings
  }

  @Test("After 32 packets in any number of bursts, not after fewer", arguments: [1, 4, 64])
  func crowd(_ burst: Int) throws {
    expectEqual(try Self.gatherings(Self.bench { $0.burst = burst }, behind: 32), 1)
    expectEqual(try Self.gatherings(Self.bench { $0.burst = burst }, behind: 31), 0)
  }

  @Test("Once: packets that came one by one do not add up over sleeps")
  func once() throws {
    var bench = try Self.bench()
    bench.arrive(0..<32)
    expectEqual(bench.takeAll().count, 32)
    for number in 32..<96 {
      expect(try bench.engine.wait(timeout: .milliseconds(1)))
      expectEqual(bench.engine.gatherings, 1)
      bench.arrive(number..<number + 1)
      expectEqual(bench.takeAll().count, 1)
    }
  }

  @Test("Only where the fill ring has frames for eight times as many")
  func margin() throws {
    expectEqual(try Self.gatherings(Self.bench(depth: 256), behind: 32), 1)
    expectEqual(try Self.gatherings(Self.bench(depth: 255), behind: 32), 0)
    expectEqual(try Self.gatherings(Self.bench(), behind: 64), 1)
    expectEqual(try Self.gatherings(Self.bench(), behind: 65), 0)
  }

  @Test("Every port's fill ring counts, whichever the packets came to")
  func otherPort() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.chunks = 512
      $0.ringSize = 512
      $0.configuration.fillDepth = 256
      $0.configuration.burst = 64
    }
    var shelf = Shelf()
    bench.arrive(0..<33, to: 1)
    while let frame = bench.engine.receive(from: bench.ports[1]) { shelf.put(frame) }
    expect(try bench.engine.wait(timeout: .milliseconds(1)))
    expectEqual(bench.rings(1).fill.pending, 223)
    bench.arrive(0..<32)
    expectEqual(bench.takeAll().count, 32)
    expect(try bench.engine.wait(timeout: .milliseconds(1)))
    expectEqual(bench.engine.gatherings, 0)
    while let frame = shelf.take() { bench.engine.release(frame) }
    bench.arrive(0..<32)
    expectEqual(bench.takeAll().count, 32)
    expect(try bench.engine.wait(timeout: .milliseconds(1)))
    expectEqual(bench.engine.gatherings, 1)
  }

  /// Nothing but a look after the doze finds them: rings in memory wake nobody.
  @Test("What came meanwhile ends the wait", .timeLimit(.minutes(1)))
  func meanwhile() throws {
    var bench = try Self.bench()
    let clock = ContinuousClock()
    let asked = Count()
    let done = Count()
    // The counts say whose turn it is to touch the kernel's ends of the rings.
    nonisolated(unsafe) let kernel = bench.kernels[0]
    let thread = TestThread {
      for number in 1...Self.trials {
        while asked.value.load(ordering: .acquiring) < number {}
        expect(unsafe kernel.deliver(packet(32)))
        done.value.store(number, ordering: .releasing)
      }
    }
    var found = 0
    for number in 1...Self.trials {
      bench.arrive(0..<32)
      expectEqual(bench.takeAll().count, 32)
      let start = clock.now
      asked.value.store(number, ordering: .releasing)
      expect(try bench.engine.wait(timeout: .milliseconds(20)))
      if clock.now - start < .milliseconds(10) { found += 1 }
      while done.value.load(ordering: .acquiring) < number {}
      expectEqual(bench.takeAll(), [packet(32)])
      // The one that came does not count among the next ones.
      expect(try bench.engine.wait(timeout: .zero))
    }
    try thread.join()
    expect(found > 0)
  }

  /// Most packets come while the engine dozes, or before; some may come too late for a machine that
  /// has much else to do.
  private static let trials = 100

  private final class Count: Sendable {
    let value = Atomic(0)
  }

  @Test("Not if it is told not to, spins, or waits for less than a millisecond")
  func exceptions() throws {
    expectEqual(try Self.gatherings(Self.bench { $0.gathers = false }, behind: 32), 0)
    expectEqual(try Self.gatherings(Self.bench { $0.isSpinning = true }, behind: 32), 0)
    let short = Duration.microseconds(999)
    expectEqual(try Self.gatherings(Self.bench(), behind: 32, timeout: short), 0)
    expectEqual(try Self.gatherings(Self.bench(), behind: 32, timeout: .zero), 0)
  }

  @Test("Not while a process has an export: its verdicts would wait")
  func exports() throws {
    var bench = try ExportBench(ringSize: 512, arena: 1 << 20) {
      $0.memory = 2 << 20
      $0.fillDepth = 256
      $0.groups[ExportBench.other.index] = .init(arena: 1 << 20)
    }
    for round in 1...2 {
      for number in 0..<32 { expect(bench.kernels[0].deliver(packet(number))) }
      while let frame = bench.engine.receive(from: bench.flowPort) { bench.engine.release(frame) }
      expect(try bench.engine.wait(timeout: .milliseconds(1)))
      expectEqual(bench.engine.gatherings, 1)
      if round == 1 { _ = try bench.export() }
    }
  }
}

import Expectations
import MartletTestKit
import Synchronization
import SystemPackage
import Testing

@testable import Martlet

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

  @Test("What came meanwhile ends the wait", .timeLimit(.minutes(1)), arguments: [0, 1])
  func meanwhile(_ port: Int) throws {
    // A machine that has much else to do may deliver too late, or too soon for a doze.
    for _ in 0..<1000 {
      if try Self.endsDoze(port) { return }
    }
    Issue.record("no packet was found behind a doze")
  }

  /// Whether a packet that was delivered to a port while the engine dozed ended the wait.
  ///
  /// Nothing but a look behind the doze finds it: rings in memory wake nobody.
  private static func endsDoze(_ port: Int) throws -> Bool {
    var bench = try Bench {
      $0.ports = 2
      $0.chunks = 1024
      $0.ringSize = 512
      $0.configuration.fillDepth = 256
    }
    bench.arrive(0..<32)
    expectEqual(bench.takeAll().count, 32)
    let isWaiting = Flag()
    let stop = bench.engine.stopSignal
    // Its own from here on: the engine touches the other ends of the rings.
    nonisolated(unsafe) let kernel = bench.kernels[port]
    let thread = TestThread {
      while !isWaiting.value.load(ordering: .acquiring) {}
      for _ in 0..<10 { Processor.relax() }
      expect(unsafe kernel.deliver(packet(32)))
      for _ in 0..<1000 { Processor.relax() }
      stop.request()
    }
    isWaiting.value.store(true, ordering: .releasing)
    let isFound = try bench.engine.wait()
    try thread.join()
    return isFound && bench.engine.gatherings == 1
  }

  private final class Flag: Sendable {
    let value = Atomic(false)
  }

  @Test("Not if it is told not to, spins, or waits for less than a millisecond")
  func exceptions() throws {
    expectEqual(try Self.gatherings(Self.bench { $0.gathers = false }, behind: 32), 0)
    expectEqual(try Self.gatherings(Self.bench { $0.isSpinning = true }, behind: 32), 0)
    let short = Duration.microseconds(999)
    expectEqual(try Self.gatherings(Self.bench(), behind: 32, timeout: short), 0)
    expectEqual(try Self.gatherings(Self.bench(), behind: 32, timeout: .zero), 0)
  }

  @Test("Not while a process has an export: its verdicts would wait", arguments: [false, true])
  func exports(_ isExported: Bool) throws {
    var bench = try ExportBench(ringSize: 512, arena: 1 << 20) {
      $0.memory = 2 << 20
      $0.fillDepth = 256
      $0.groups[ExportBench.other.index] = .init(arena: 1 << 20)
    }
    let export = isExported ? try bench.export() : nil
    for number in 0..<32 { expect(bench.kernels[0].deliver(packet(number))) }
    while let frame = bench.engine.receive(from: bench.flowPort) { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .milliseconds(1)))
    expectEqual(bench.engine.gatherings, isExported ? 0 : 1)
    if let export { bench.engine.end(export.0) }
  }

  @Test("Not where the thread's timers may be late by more than 100 microseconds")
  func slack() throws {
    for (slack, count) in [(100_000, 1), (100_001, 0)] as [(Int, UInt64)] {
      let thread = TestThread {
        let number = TextFile.read("/proc/thread-self/stat")?.prefix { $0 != " " } ?? ""
        let path = FilePath("/proc/\(number)/timerslack_ns")
        let file = try FileDescriptor.open(path, .writeOnly)
        try file.closeAfter { _ = try file.writeAll("\(slack)".utf8) }
        return try Self.gatherings(Self.bench(), behind: 32)
      }
      expectEqual(try thread.join(), count)
    }
  }

  /// What so many packets at a time came to, each time nothing more was there.
  private static func dozes(_ arrivals: [UInt32]) -> [Bool] {
    var gathering = Gathering(isWanted: true)
    return arrivals.map { count in
      gathering.arrivals &+= count
      guard gathering.turn() != nil else { return false }
      gathering.begin()
      return true
    }
  }

  @Test("Goes on while a doze brings twice what a sleep does")
  func pays() {
    expectEqual(Self.dozes([40, 80, 80, 200]), [true, true, true, true])
    expectEqual(Self.dozes([40, 79, 80]), [true, false, true])
    // What a sleep brings is learned anew.
    expectEqual(Self.dozes([40, 79, 39, 78]), [true, false, true, true])
  }

  @Test("Tries again after 1, 3, 7 and at most 255 sleeps where it does not")
  func pauses() {
    let tries = Self.dozes([UInt32](repeating: 40, count: 2000)).enumerated()
      .filter(\.element).map(\.offset)
    let pauses = zip(tries, tries.dropFirst()).map { $1 - $0 - 1 }
    expectEqual(Array(pauses.prefix(10)), [1, 3, 7, 15, 31, 63, 127, 255, 255, 255])
  }

  @Test("A doze that brought nothing did not pay, whatever comes later")
  func empty() {
    var gathering = Gathering(isWanted: true)
    gathering.arrivals = 40
    expect(gathering.turn() != nil)
    gathering.begin()
    gathering.endEmpty()
    gathering.arrivals = 200
    expect(gathering.turn() == nil)
    gathering.arrivals = 200
    expect(gathering.turn() != nil)
  }
}

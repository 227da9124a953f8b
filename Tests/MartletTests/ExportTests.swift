import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// A group's packets in another process's hands, both ends in this one.
@Suite struct ExportTests {
  @Test("Packets are read where they landed and spent by verdict", arguments: [false, true])
  func verdicts(_ isUnaligned: Bool) throws {
    var bench = try ExportBench(isUnaligned: isUnaligned)
    let (export, consumer) = try bench.export()
    for round in 0..<40 {
      let numbers = round * 6..<round * 6 + 6
      bench.arrive(numbers, to: export, byteCount: 60 + round * 40)
      let wanted = numbers.map { packet($0, byteCount: 60 + round * 40) }
      #expect(consumer.take(.drop, limit: 2) == Array(wanted[..<2]))
      #expect(consumer.take(.forward, limit: 2) == Array(wanted[2..<4]))
      #expect(consumer.take(.kernel) == Array(wanted[4...]))
      expect(try bench.engine.wait(timeout: .zero))
      #expect(bench.kernels[2].transmitAll() == Array(wanted[2..<4]))
      #expect(bench.kernels[1].transmitAll() == Array(wanted[4...]))
      bench.check()
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.packets == 240 && report.outstanding == 0 && report.refused == 0)
    #expect([report.dropped, report.forwarded, report.toKernel] == [80, 80, 80])
    #expect(bench.engine.copies.packets == 0)
  }

  @Test("A consumer that gives nothing back has no more than its limit, and others go on")
  func hung() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.packetLimit = 10 }
    for round in 0..<20 {
      bench.arrive(round * 4..<round * 4 + 4, to: export)
      expect(bench.kernels[1].deliver(packet(round)))
      let frame = try #require(received(&bench, bench.otherPort))
      #expect(frame == packet(round))
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    var report = try unwrap(bench.engine.report(of: export))
    #expect(report.outstanding == 10 && report.stalled == 70)
    #expect(consumer.take() == (0..<10).map { packet($0) })
    bench.arrive(100..<104, to: export)
    #expect(consumer.take() == (100..<104).map { packet($0) })
    expect(try bench.engine.wait(timeout: .zero))
    report = try unwrap(bench.engine.report(of: export))
    #expect(report.outstanding == 0 && report.ending == nil)
    bench.check()
  }

  /// The next packet of a port, released.
  private func received(_ bench: inout ExportBench, _ port: Port) -> [UInt8]? {
    guard let frame = bench.engine.receive(from: port) ?? bench.engine.receive(from: port) else {
      return nil
    }
    let bytes = copy(frame, bench.engine)
    bench.engine.release(frame)
    return bytes
  }

  private func copy(_ frame: borrowing Frame, _ engine: borrowing Engine) -> [UInt8] {
    MartletTests.copy(engine.bytes(of: frame))
  }

  @Test("A consumer that stalls loses its export, and its frames come home")
  func stalled() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.stallLimit = .milliseconds(20) }
    bench.arrive(0..<5, to: export)
    let end = ContinuousClock.now + .seconds(5)
    while bench.engine.isOpen(export), ContinuousClock.now < end {
      expect(try bench.engine.wait(timeout: .milliseconds(5)))
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.ending == .stalled && report.broughtHome == 5)
    expectEqual(bench.engine.ledger().received, 0)
    bench.check()
    // What it had not read went home.
    #expect(consumer.take().isEmpty)
    expect(!consumer.reader.wait(timeout: .seconds(5)))
    expect(bench.kernels[0].deliver(packet(9)))
    #expect(bench.engine.deliver(from: bench.flowPort, to: export) == 1)
    expect(bench.kernels[0].deliver(packet(10)))
    while let frame = bench.engine.receive(from: bench.flowPort) {
      bench.engine.deliver(frame, to: export)
    }
    expectEqual(bench.engine.report(of: export)?.late, 2)
    bench.check()
  }

  @Test("An engine that sleeps without an end wakes to end the export of one that stalls")
  func stalledAsleep() throws {
    var bench = try ExportBench()
    // Without an end only if the first one was ended.
    for timeout in [.seconds(5), nil] as [Duration?] {
      let (export, consumer) = try bench.export { $0.stallLimit = .milliseconds(50) }
      bench.arrive(0..<5, to: export)
      let start = ContinuousClock.now
      for _ in 0..<3 where bench.engine.isOpen(export) {
        expect(try bench.engine.wait(timeout: timeout))
      }
      let time = ContinuousClock.now - start
      try #require(time >= .milliseconds(50) && time < .seconds(4))
      expectEqual(bench.engine.report(of: export)?.ending, .stalled)
      expect(!consumer.reader.wait(timeout: .seconds(5)))
    }
    bench.check()
  }

  @Test("A consumer that says nothing but nonsense stalls")
  func nonsense() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.stallLimit = .milliseconds(50) }
    bench.arrive(0..<5, to: export)
    // What gives one back is a sign.
    #expect(consumer.take(limit: 1).count == 1)
    let end = ContinuousClock.now + .seconds(5)
    while bench.engine.isOpen(export), ContinuousClock.now < end {
      if consumer.reader.channel.sender.hasRoom {
        consumer.reader.channel.sender.put(ChannelEntry(.max, 1))
      }
      consumer.reader.flush()
      expect(try bench.engine.wait(timeout: .milliseconds(5)))
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.ending == .stalled && report.broughtHome == 4)
    #expect(report.dropped == 1 && report.refused > 1)
    bench.check()
  }

  @Test("A consumer that gives one back now and then does not stall")
  func slow() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.stallLimit = .milliseconds(400) }
    bench.arrive(0..<8, to: export)
    for _ in 0..<7 {
      let end = ContinuousClock.now + .milliseconds(100)
      while ContinuousClock.now < end {
        expect(try bench.engine.wait(timeout: .milliseconds(5)))
      }
      #expect(consumer.take(limit: 1).count == 1)
    }
    expect(bench.engine.isOpen(export))
    expectEqual(bench.engine.report(of: export)?.dropped, 6)
  }

  @Test("A consumer that goes is noticed by its socket, and its frames come home")
  func gone() throws {
    var bench = try ExportBench()
    for round in 0..<70 {
      let export: FlowExport
      do {
        let (made, consumer) = try bench.export()
        export = made
        bench.arrive(0..<7, to: export)
        #expect(consumer.take(limit: 3).count == 3)
      }
      let end = ContinuousClock.now + .seconds(5)
      while bench.engine.isOpen(export), ContinuousClock.now < end {
        expect(try bench.engine.wait(timeout: .seconds(5)))
      }
      let report = try unwrap(bench.engine.report(of: export))
      #expect(report.ending == .peerGone && report.broughtHome == 4 && report.dropped == 3)
      expect(try bench.engine.wait(timeout: .zero))
      expect(!bench.engine.isArenaSeen(of: ExportBench.flow))
      if round % 10 == 0 { bench.check() }
    }
    expectEqual(bench.engine.ledger().received, 0)
  }

  @Test("Neither end makes a system call while the other is awake, and each wakes the other")
  func wakes() async throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    bench.arrive(0..<8, to: export)
    #expect(consumer.take().count == 8)
    #expect(try unwrap(bench.engine.report(of: export)).wakes == 0)
    #expect(consumer.reader.channel.wakeCount == 0)
    // Asleep: one word wakes it.
    expect(consumer.reader.wait(timeout: .zero))
    expect(consumer.reader.channel.prepareToSleep())
    bench.arrive(8..<16, to: export)
    #expect(try unwrap(bench.engine.report(of: export)).wakes == 1)
    expect(consumer.reader.wait(timeout: .seconds(5)))
    expect(try bench.engine.wait(timeout: .zero))
    expect(bench.engine.sleepExports())
    #expect(consumer.take().count == 8)
    #expect(consumer.reader.channel.wakeCount == 1)
    let start = ContinuousClock.now
    expect(try bench.engine.wait(timeout: .seconds(5)))
    #expect(ContinuousClock.now - start < .seconds(4))
    #expect(try unwrap(bench.engine.report(of: export)).outstanding == 0)
    expect(bench.engine.isOpen(export))
  }

  @Test("An export that is over shows nothing more, though it had been put there")
  func over() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    bench.arrive(0..<8, to: export)
    // One of a window of eight was taken.
    #expect(consumer.take(limit: 1).count == 1)
    expect(!consumer.reader.isOver)
    bench.engine.end(export)
    expect(consumer.reader.isOver)
    #expect(consumer.take().isEmpty)
    expect(!consumer.reader.wait())
    expect(!consumer.reader.wait(gathering: 4, for: .seconds(100)))
    bench.check()
  }

  @Test("A reader gathers packets for one system call, or as many as come in a while")
  func gathers() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    bench.arrive(0..<4, to: export)
    expect(consumer.reader.wait(gathering: 4, for: .seconds(100)))
    expectEqual(consumer.reader.systemCallCount, 0)
    #expect(consumer.take().count == 4)
    bench.arrive(4..<7, to: export)
    expect(consumer.reader.wait(gathering: 4, for: .milliseconds(20)))
    // The first sleep tells the socket how long it may take.
    expectEqual(consumer.reader.systemCallCount, 2)
    #expect(consumer.take().count == 3)
    // While it gathers, nothing but the last packet wakes it.
    expect(consumer.reader.channel.prepareToSleep(for: 4))
    for number in 7..<10 { bench.arrive(number..<number + 1, to: export) }
    #expect(try unwrap(bench.engine.report(of: export)).wakes == 0)
    bench.arrive(10..<11, to: export)
    #expect(try unwrap(bench.engine.report(of: export)).wakes == 1)
    // No more than it can have are waited for, and none for longer than it said.
    consumer.reader.channel.endSleep()
    #expect(consumer.take().count == 4)
    let start = ContinuousClock.now
    expect(consumer.reader.wait(gathering: 1000, for: .zero, timeout: .milliseconds(20)))
    #expect(ContinuousClock.now - start >= .milliseconds(15))
    bench.check()
  }

  @Test("The memory of a group is what its consumer sees")
  func memory() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    bench.arrive(0..<8, to: export)
    let bytes = MartletTests.copy(bench.engine.memory(of: ExportBench.flow))
    #expect(bytes.count == 64 << 10 && bytes == consumer.reader.wholeArena())
    #expect(bytes.contains { $0 != 0 })
    #expect(MartletTests.copy(bench.engine.memory(of: ExportBench.other)).allSatisfy { $0 == 0 })
    #expect(consumer.take().count == 8)
  }

  @Test("Packets of an isolated group reach the arena by a copy that is counted")
  func copies() throws {
    var bench = try ExportBench()
    let pair = try connection()
    var terms = ExportTerms(forwardPort: bench.outPort)
    terms.copies = true
    let export = try bench.engine.export(ExportBench.flow, to: PeerSocket(pair.near), terms)
    let consumer = Consumer(try FlowReader(connectedTo: pair.far))
    for number in 0..<30 {
      expect(bench.kernels[1].deliver(packet(number, byteCount: 100 + 50 * number)))
      while bench.engine.deliver(from: bench.otherPort, to: export) != 0 {}
      #expect(consumer.take(.forward) == [packet(number, byteCount: 100 + 50 * number)])
      expect(try bench.engine.wait(timeout: .zero))
      #expect(bench.kernels[2].transmitAll() == [packet(number, byteCount: 100 + 50 * number)])
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.copied == 30 && report.packets == 30 && bench.engine.copies.packets == 30)
  }

  @Test("A packet that lies elsewhere is not shown unless it is copied")
  func strangers() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    expect(bench.kernels[1].deliver(packet(1)))
    while bench.engine.deliver(from: bench.otherPort, to: export) != 0 {}
    #expect(consumer.take().isEmpty)
    #expect(try unwrap(bench.engine.report(of: export)).unfit == 1)
    bench.check()
  }
}

import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// What stands in front of packets, lifted into their tokens: both ends of the rings in memory.
@Suite struct FactTests {
  private func makeBench(
    readsFacts: Bool = true, _ change: (inout Bench.Setup) -> Void = { _ in }
  ) throws -> Bench {
    try Bench {
      $0.ports = 2
      $0.configuration.readsFacts = readsFacts
      change(&$0)
    }
  }

  /// Facts that follow from a packet's number, with a seal, as the program would write them.
  private func front(_ number: Int, _ seal: UInt64) -> [UInt8] {
    facts(number).words(seal: seal).flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
  }

  private func facts(_ number: Int) -> PacketFacts {
    PacketFacts(
      rule: UInt32(number % 3), flowHash: 0xFEDC_0000 | UInt32(number), group: 7,
      time: UInt64(number) << 33 | 5, sources: UInt32(number % 4))
  }

  private func arrive(
    _ numbers: Range<Int>, at bench: borrowing Bench, seal: UInt64? = nil, byteCount: Int = 60
  ) {
    for number in numbers {
      bench.kernels[0].metadata = front(number, seal ?? bench.engine.factsSeal)
      expect(bench.kernels[0].deliver(packet(number, byteCount: byteCount)))
    }
  }

  /// A packet that should be there is not.
  private struct Missing: Error {}

  @Test("Every packet has its own facts, over the ends of bursts and rings, settled or not")
  func lifted() throws {
    for isUnaligned in [false, true] {
      var bench = try makeBench {
        $0.position = .max - 5
        $0.configuration.isUnaligned = isUnaligned
      }
      let settlings: [Settling] = [.wholeSlot, .inPlace, .copyBreak(upTo: 2000), .pack]
      var number = 0
      for round in 0..<40 {
        let count = 1 + round % 7
        arrive(number..<number + count, at: bench)
        var left = count
        while left > 0 {
          guard let frame = bench.engine.receive(from: bench.ports[0]) else { continue }
          expectEqual(frame.facts, facts(number))
          expectEqual(frame.rule, number % 3 == 0 ? nil : RuleID(rawValue: UInt32(number % 3)))
          expectEqual(frame.flowHash, 0xFEDC_0000 | UInt32(number))
          expectEqual(frame.timestamp, UInt64(number) << 33 | 5)
          expectEqual(frame.facts?.hasDriverHash, number % 2 == 1)
          expectEqual(frame.facts?.hasDriverTime, number % 4 > 1)
          let kept = bench.engine.settle(frame, settlings[number % 4])
          expectEqual(bench.bytes(of: kept), packet(number))
          expectEqual(kept.facts, facts(number))
          let packed = bench.engine.compact(kept)
          expectEqual(packed.facts, facts(number))
          bench.engine.release(packed)
          number += 1
          left -= 1
        }
        expect(try bench.engine.wait(timeout: .zero))
        bench.check()
      }
      expectEqual(bench.report().facts, .read)
      expectEqual(bench.report().received.packets, UInt64(number))
    }
  }

  @Test("The closure of a forwarder sees them too, and packets arrive as they were sent")
  func closure() throws {
    var bench = try makeBench { $0.position = .max - 5 }
    var number = 0
    for round in 0..<40 {
      arrive(number..<number + 1 + round % 7, at: bench)
      let first = number
      while bench.engine.forward(
        from: bench.ports[0], to: bench.ports[1],
        { found in
          expectEqual(found.facts, facts(number))
          expectEqual(found.rule, facts(number).rule)
          number += 1
          return number % 2 == 0 ? .forward : .drop
        }) != 0
      {}
      #expect(number == first + 1 + round % 7)
      let sent = (first..<number).filter { $0 % 2 == 1 }.map { packet($0) }
      #expect(bench.kernels[1].transmitAll() == sent)
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
  }

  @Test("A jumbo packet has those in front of its first fragment, and the next packet its own")
  func jumbo() throws {
    var bench = try makeBench { $0.configuration.takesFragments = true }
    for number in 0..<30 {
      arrive(2 * number..<2 * number + 1, at: bench, byteCount: 5000)
      arrive(2 * number + 1..<2 * number + 2, at: bench)
      var found = 2 * number
      while found < 2 * number + 2 {
        guard let frame = bench.engine.receive(from: bench.ports[0]) else { continue }
        expectEqual(frame.facts, facts(found))
        expectEqual(frame.fragmentCount, found % 2 == 0 ? 3 : 1)
        let kept = bench.engine.settle(frame)
        expectEqual(kept.facts, facts(found))
        bench.engine.release(kept)
        found += 1
      }
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    expectEqual(bench.report().facts, .read)
  }

  @Test("Nobody who did not ask for facts has any, nor has what was not received")
  func off() throws {
    var bench = try makeBench(readsFacts: false)
    arrive(0..<1, at: bench)
    guard let frame = bench.engine.receive(from: bench.ports[0]) else { throw Missing() }
    expectEqual(frame.facts, nil)
    expectEqual(frame.rule, nil)
    expectEqual(frame.timestamp, nil)
    bench.engine.release(frame)
    expectEqual(bench.report().facts, .off)
    var reading = try makeBench()
    arrive(1..<2, at: reading)
    guard let received = reading.engine.receive(from: reading.ports[0]) else { throw Missing() }
    expectEqual(received.facts, facts(1))
    reading.engine.release(received)
    guard let made = reading.engine.allocate(byteCount: 60) else { throw Missing() }
    expectEqual(made.facts, nil)
    reading.engine.release(made)
  }

  @Test("Bytes without the seal are no facts, and end the belief in those that come after")
  func forged() throws {
    var bench = try makeBench()
    arrive(0..<1, at: bench)
    arrive(1..<2, at: bench, seal: bench.engine.factsSeal ^ 1)
    arrive(2..<3, at: bench)
    var found: [PacketFacts?] = []
    while found.count < 3 {
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { continue }
      found.append(frame.facts)
      bench.engine.release(frame)
    }
    #expect(found == [facts(0), nil, nil])
    expectEqual(bench.report().facts, .lost)
    // The other port's driver has done nothing wrong.
    expectEqual(bench.report(1).facts, .read)
  }

  @Test("What a consumer gets has the facts")
  func exported() throws {
    var bench = try ExportBench { $0.readsFacts = true }
    let (export, consumer) = try bench.export()
    for number in 0..<40 {
      bench.kernels[0].metadata = front(number, bench.engine.factsSeal)
      bench.arrive(number..<number + 1, to: export)
      guard let lent = consumer.reader.next() else { throw Missing() }
      expectEqual(lent.rule, facts(number).rule)
      expectEqual(lent.flowHash, facts(number).flowHash)
      expectEqual(lent.timestamp, facts(number).timestamp)
      expectEqual(lent.facts?.hasDriverHash, number % 2 == 1)
      expectEqual(lent.facts?.hasDriverTime, number % 4 > 1)
      expectEqual(consumer.reader.content(of: lent), packet(number))
      consumer.reader.spend(lent, .drop)
      consumer.reader.flush()
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
  }

  @Test("A consumer of packets without facts gets none, whatever stood in the channel before")
  func exportedWithout() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    for number in 0..<200 {
      bench.arrive(number..<number + 1, to: export)
      guard let lent = consumer.reader.next() else { throw Missing() }
      expectEqual(lent.rule, nil)
      expectEqual(lent.flowHash, nil)
      expectEqual(lent.timestamp, nil)
      consumer.reader.spend(lent, .drop)
      consumer.reader.flush()
      expect(try bench.engine.wait(timeout: .zero))
    }
  }

  @Test("Facts from somewhere else than a program never seem absent, nor those absent the driver's")
  func sources() {
    let facts = PacketFacts(rule: 1, flowHash: 2, group: 3, time: 4, sources: .max)
    #expect(facts.present == facts && facts.hasDriverHash && facts.hasDriverTime)
    #expect(PacketFacts.absent.present == nil)
    #expect(FactWords(.absent).facts == nil)
    #expect(FactWords(facts).facts?.hasDriverTime == true)
  }

  @Test("Time is asked for with the other facts or not at all, and so is the driver")
  func configuration() {
    for change in [\Engine.Configuration.stampsPackets, \.asksDriver] {
      var configuration = Engine.Configuration()
      configuration[keyPath: change] = true
      #expect(throws: XDPError.self) { try configuration.validated() }
      configuration.readsFacts = true
      #expect(throws: Never.self) { try configuration.validated() }
    }
  }
}

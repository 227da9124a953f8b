import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// A consumer that means no good hurts its own traffic and nobody else's.
@Suite struct HostileConsumerTests {
  /// Writes an entry as the consumer would, whatever it says.
  private func say(_ consumer: Consumer, _ ticket: UInt64, _ verdict: UInt64) {
    expect(consumer.reader.channel.sender.hasRoom)
    consumer.reader.channel.sender.put(ChannelEntry(ticket, verdict))
  }

  /// The next packet's ticket, kept by the test.
  private func steal(_ consumer: Consumer) -> UInt64? {
    guard let packet = consumer.reader.next() else { return nil }
    return packet.spend()
  }

  @Test("A ticket is believed once, and only if it is out")
  func tickets() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    bench.arrive(0..<4, to: export)
    let ticket = try unwrap(steal(consumer))
    let drop = UInt64(FlowVerdict.drop.rawValue)
    say(consumer, ticket, drop)
    // Twice; the same place used once more, or once less; places that are not out, or not there.
    let step: UInt64 = 1 << 32
    let wrong: [UInt64] = [
      ticket, ticket &+ 2 * step, ticket &- 2 * step, 3, 15 | step, 16 | step, .max, step - 1,
      step | 0x8000_0000, 0,
    ]
    for wrong in wrong { say(consumer, wrong, UInt64(FlowVerdict.forward.rawValue)) }
    consumer.reader.flush()
    expect(try bench.engine.wait(timeout: .zero))
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.dropped == 1 && report.refused == 10 && report.forwarded == 0)
    #expect(report.outstanding == 3)
    #expect(bench.kernels[2].transmitAll().isEmpty)
    bench.check()
    bench.expectOthersUnharmed()
  }

  @Test("A consumer that keeps naming tickets that are not out loses its export")
  func manyTickets() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    bench.arrive(0..<4, to: export)
    var said = 0
    while bench.engine.isOpen(export) {
      for _ in 0..<8 { say(consumer, .max, 0) }
      said += 8
      consumer.reader.flush()
      expect(try bench.engine.wait(timeout: .zero))
      try #require(said < 1000)
    }
    #expect(said == 264)
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.ending == .broken && report.refused == 264 && report.broughtHome == 4)
    bench.expectOthersUnharmed()
  }

  @Test("A ticket of a packet that another consumer has is not believed")
  func othersTickets() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    let pair = try connection()
    let second = try bench.engine.export(
      ExportBench.other, to: PeerSocket(pair.near), ExportTerms(forwardPort: bench.outPort))
    let victim = Consumer(try FlowReader(connectedTo: pair.far))
    for number in 0..<4 { expect(bench.kernels[1].deliver(packet(number))) }
    while bench.engine.deliver(from: bench.otherPort, to: second) != 0 {}
    let tickets = (0..<4).compactMap { _ in steal(victim) }
    #expect(tickets.count == 4)
    for ticket in tickets { say(consumer, ticket, UInt64(FlowVerdict.forward.rawValue)) }
    consumer.reader.flush()
    expect(try bench.engine.wait(timeout: .zero))
    #expect(try unwrap(bench.engine.report(of: export)).refused == 4)
    #expect(try unwrap(bench.engine.report(of: second)).outstanding == 4)
    #expect(bench.kernels[2].transmitAll().isEmpty)
    // Said by whose they are, they are believed.
    for ticket in tickets { say(victim, ticket, UInt64(FlowVerdict.forward.rawValue)) }
    victim.reader.flush()
    expect(try bench.engine.wait(timeout: .zero))
    #expect(bench.kernels[2].transmitAll() == packets(0..<4))
    bench.check()
  }

  @Test("A verdict that is none, or not permitted, drops the packet")
  func verdicts() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.verdicts = [.drop] }
    #expect(consumer.reader.verdicts == [.drop])
    bench.arrive(0..<5, to: export)
    for verdict in [0, 2, 3, 4, UInt64.max] {
      say(consumer, try unwrap(steal(consumer)), verdict)
    }
    consumer.reader.flush()
    expect(try bench.engine.wait(timeout: .zero))
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.refused == 5 && report.outstanding == 0)
    #expect(bench.kernels[2].transmitAll().isEmpty && bench.kernels[1].transmitAll().isEmpty)
    bench.expectOthersUnharmed()
  }

  /// The cursors of the channel that the consumer should leave alone, and its own.
  @Test(
    "A cursor that jumps ends the export, and the frames come home",
    arguments: [128, 256], [17, 1 << 20, 1 << 31, UInt32.max - 100])
  func jumps(_ cursor: Int, _ distance: UInt32) throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    for round in 0..<200 where bench.engine.isOpen(export) {
      bench.arrive(round..<round + 1, to: export)
      _ = consumer.take()
      // Where it stands: as many packets were shown as rounds.
      consumer.reader.channel.memory.scribble(UInt32(round) &+ distance &+ 16, at: cursor)
      expect(try bench.engine.wait(timeout: .zero))
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.ending == .broken && report.outstanding == 0)
    expectEqual(bench.engine.ledger().received, 0)
    bench.expectOthersUnharmed()
  }

  @Test("What the consumer writes into the engine's own words changes nothing")
  func engineWords() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    for round in 0..<50 {
      bench.arrive(round..<round + 1, to: export)
      #expect(consumer.take() == [packet(round)])
      for word in [0, 384, 512] {
        consumer.reader.channel.memory.scribble(UInt32.random(in: 0 ... .max), at: word)
      }
      expect(try bench.engine.wait(timeout: .zero))
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.dropped == 50 && report.refused == 0 && report.ending == nil)
    bench.expectOthersUnharmed()
  }

  @Test("A consumer that wakes the engine for nothing is cut off")
  func wakes() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export()
    var rounds = 0
    while bench.engine.isOpen(export), rounds < 1000 {
      for _ in 0..<40 { consumer.reader.channel.socket.wake() }
      expect(try bench.engine.wait(timeout: .zero))
      rounds += 1
    }
    #expect(rounds < 10)
    #expect(try unwrap(bench.engine.report(of: export)).ending == .broken)
    bench.expectOthersUnharmed()
  }

  @Test(
    "The arena cannot be written, cut or extended, nor can the channel be cut", arguments: 0..<6)
  func files(_ way: Int) throws {
    var bench = try ExportBench()
    let pair = try connection()
    let export = try bench.engine.export(
      ExportBench.flow, to: PeerSocket(pair.near), ExportTerms())
    let (_, files) = try PeerSocket(pair.far).unpack(wordCount: 6, timeout: .seconds(1))
    #expect(files.count == 2)
    let size = bench.engine.control.configuration.groups[1].arena ?? 0
    switch way {
    case 0: expect(!FileAttack.mapToWrite(files[0], size))
    case 1: expect(!FileAttack.write(files[0]))
    case 2: expect(!FileAttack.punchHole(files[0]))
    case 3: expect(!FileAttack.resize(files[0], 0) && !FileAttack.resize(files[0], 1 << 30))
    case 4: expect(!FileAttack.resize(files[1], 0) && !FileAttack.resize(files[1], 1 << 30))
    default: expect(!FileAttack.seal(files[0]) && !FileAttack.seal(files[1]))
    }
    bench.arrive(0..<5, to: export)
    bench.expectOthersUnharmed()
    for file in files { FileAttack.close(file) }
  }

  @Test("Random words anywhere in the channel hurt nobody else", arguments: 0..<20)
  func random(_ seed: UInt64) throws {
    var bench = try ExportBench(isUnaligned: seed % 2 == 1)
    var random = SeededGenerator(seed: seed)
    var (export, consumer) = try bench.export()
    var exports = 1
    for round in 0..<300 {
      bench.arrive(round..<round + 2, to: export)
      _ = consumer.take(FlowVerdict.allCases.randomElement(using: &random) ?? .drop, limit: 3)
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let isCursor = Bool.random(using: &random)
        let offset =
          isCursor
          ? Int.random(in: 0..<6, using: &random) * 128
          : Int.random(in: 1024..<1024 + 128, using: &random) * 4
        let near = UInt32(round * 2) &+ UInt32.random(in: 0...8, using: &random)
        let word =
          Bool.random(using: &random) ? near : UInt32.random(in: 0 ... .max, using: &random)
        consumer.reader.channel.memory.scribble(word, at: offset)
      }
      expect(try bench.engine.wait(timeout: .zero))
      for kernel in bench.kernels { _ = kernel.transmitAll() }
      if round % 10 == 0 { bench.expectOthersUnharmed() }
      if !bench.engine.isOpen(export) {
        (export, consumer) = try bench.export()
        exports += 1
      }
    }
    #expect(exports > 1)
    bench.engine.end(export)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.engine.ledger().received, 0)
    bench.expectOthersUnharmed()
  }

  @Test("No byte of another group ever stands in the arena", arguments: [false, true])
  func markers(_ isUnaligned: Bool) throws {
    var bench = try ExportBench(isUnaligned: isUnaligned)
    let (export, consumer) = try bench.export { $0.packetLimit = 4 }
    let marker: [UInt8] = Array("a stranger's marker".utf8)
    for round in 0..<300 {
      expect(bench.kernels[1].deliver(packet(round) + marker + marker))
      bench.arrive(round..<round + 1, to: export, byteCount: 60 + round * 5)
      if round % 3 == 0 { _ = consumer.take(.forward) }
      for _ in 0..<2 {
        while let frame = bench.engine.receive(from: bench.otherPort) {
          let held = bench.engine.settle(frame, round % 2 == 0 ? .pack : .inPlace)
          bench.engine.send(held, to: bench.outPort)
        }
      }
      expect(try bench.engine.wait(timeout: .zero))
      for kernel in bench.kernels { _ = kernel.transmitAll() }
    }
    let bytes = consumer.reader.wholeArena()
    #expect(bytes.contains { $0 != 0 })
    #expect(!bytes.contains(marker))
    bench.check()
  }
}

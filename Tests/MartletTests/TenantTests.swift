import Expectations
import Glibc
import MartletTestKit
import Testing

@testable import Martlet

/// A tenant that sends from an arena of its own, both ends in this process.
@Suite struct TenantTests {
  /// The tenant's end; a class, so that it can stand in a tuple.
  final class Tenant {
    var writer: FlowWriter

    init(_ writer: consuming FlowWriter) { self.writer = writer }

    /// Submits a packet; false if every slot is on its way.
    func submit(_ packet: [UInt8]) -> Bool {
      guard var slot = writer.allocate() else { return false }
      var view = writer.mutableBytes(of: &slot)
      write(packet, to: &view)
      writer.submit(slot, byteCount: packet.count)
      return true
    }

    /// Submits whatever the words say.
    func say(_ first: UInt64) {
      expect(writer.channel.sender.hasRoom)
      writer.channel.sender.put(ChannelEntry(first, 0))
    }

    /// Takes every slot without a word, and says where they are.
    func steal() -> [UInt64] {
      var offsets: [UInt64] = []
      while let slot = writer.allocate() { offsets.append(slot.spend()) }
      return offsets
    }
  }

  private func lease(_ bench: inout ExportBench) throws -> (FlowExport, Tenant) {
    let pair = try connection()
    let lease = try bench.engine.lease(
      ExportBench.tenant, to: PeerSocket(pair.near),
      ExportTerms(forwardPort: bench.outPort))
    return (lease, Tenant(try FlowWriter(connectedTo: pair.far)))
  }

  @Test("What a tenant submits is sent, and its slots come back", arguments: [false, true])
  func sends(_ isUnaligned: Bool) throws {
    var bench = try ExportBench(isUnaligned: isUnaligned)
    let (export, tenant) = try lease(&bench)
    #expect(tenant.writer.slotCount == 16 && tenant.writer.slotSize == 2048)
    for round in 0..<100 {
      let wanted = (0..<7).map { packet(round * 7 + $0, byteCount: 60 + round * 10) }
      for packet in wanted { expect(tenant.submit(packet)) }
      tenant.writer.flush()
      expect(try bench.engine.wait(timeout: .zero))
      #expect(bench.kernels[2].transmitAll() == wanted)
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.packets == 700 && report.refused == 0)
    #expect(tenant.steal().count == 16)
    bench.engine.end(export)
    bench.check()
  }

  @Test("A tenant has its slots and no more; when all are on their way it waits")
  func limits() throws {
    var bench = try ExportBench()
    let (_, tenant) = try lease(&bench)
    for number in 0..<16 { expect(tenant.submit(packet(number))) }
    expect(!tenant.submit(packet(16)))
    expect(try bench.engine.wait(timeout: .zero))
    expect(!tenant.submit(packet(16)))
    #expect(bench.kernels[2].transmitAll() == packets(0..<16))
    expect(try bench.engine.wait(timeout: .zero))
    expect(try bench.engine.wait(timeout: .zero))
    expect(tenant.writer.wait(timeout: .seconds(5)))
    expect(tenant.submit(packet(16)))
  }

  @Test("Nothing but a slot that the tenant has is sent, once, and not beyond its end")
  func hostile() throws {
    var bench = try ExportBench()
    let (export, tenant) = try lease(&bench)
    let arena = UInt64(32 << 10)
    let slots = tenant.steal()
    #expect(slots.count == 16)
    func word(_ offset: UInt64, _ count: UInt64) -> UInt64 { offset | count << 40 }
    let wrong: [UInt64] = [
      // Beyond a slot, beyond the arena, of no length, too short for a header.
      word(0, 2049), word(2047, 2), word(2000, 60), word(arena - 1, 60), word(arena, 60),
      word(arena - 2048, 2049), word(0, 0), word(0, 13), word(0, 0xFF_FFFF), .max,
      word(0xFF_FFFF_FFFF, 60), word(1 << 39, 60),
    ]
    for word in wrong { tenant.say(word) }
    tenant.writer.flush()
    expect(try bench.engine.wait(timeout: .zero))
    #expect(try unwrap(bench.engine.report(of: export)).refused == UInt64(wrong.count))
    // The same slot twice: once as it is, once by another of its bytes.
    for word in [word(4096, 60), word(4096, 60), word(4196, 100)] { tenant.say(word) }
    tenant.writer.flush()
    expect(try bench.engine.wait(timeout: .zero))
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.packets == 1 && report.refused == UInt64(wrong.count) + 2)
    #expect(bench.kernels[2].transmitAll().count == 1)
    #expect(bench.kernels[2].counts.invalidTransmit == 0)
    bench.expectOthersUnharmed()
  }

  /// The cursors of the channel that are the tenant's.
  @Test(
    "A tenant's cursor that jumps ends the lease, and its slots come home",
    arguments: [128, 256], [17, 1 << 20, 1 << 31, UInt32.max - 100])
  func jumps(_ cursor: Int, _ distance: UInt32) throws {
    var bench = try ExportBench()
    let (export, tenant) = try lease(&bench)
    for round in 0..<200 where bench.engine.isOpen(export) {
      expect(tenant.submit(packet(round)))
      tenant.writer.flush()
      tenant.writer.channel.memory.scribble(UInt32(round) &+ distance &+ 16, at: cursor)
      expect(try bench.engine.wait(timeout: .zero))
      _ = bench.kernels[2].transmitAll()
    }
    #expect(try unwrap(bench.engine.report(of: export)).ending == .broken)
    #expect(bench.kernels[2].counts.invalidTransmit == 0)
    bench.expectOthersUnharmed()
  }

  @Test(
    "A tenant that goes leaves its arena to be zeroed for its user's next one, and nobody else's",
    arguments: [false, true])
  func goes(_ isUnaligned: Bool) throws {
    var bench = try ExportBench(isUnaligned: isUnaligned)
    for round in 0..<5 {
      let export: FlowExport
      do {
        let (made, tenant) = try lease(&bench)
        export = made
        if round > 0 {
          #expect(tenant.writer.wholeArena().allSatisfy { $0 == 0 })
        }
        for number in 0..<9 { expect(tenant.submit(packet(number, byteCount: 1000))) }
        tenant.writer.flush()
        expect(try bench.engine.wait(timeout: .zero))
        expect(!bench.engine.clearArena(of: ExportBench.tenant))
      }
      while bench.engine.isOpen(export) { expect(try bench.engine.wait(timeout: .seconds(5))) }
      #expect(try unwrap(bench.engine.report(of: export)).broughtHome == 7)
      // What is on its way is not zeroed.
      expect(!bench.engine.clearArena(of: ExportBench.tenant))
      #expect(bench.kernels[2].transmitAll() == (0..<9).map { packet($0, byteCount: 1000) })
      expect(bench.engine.clearArena(of: ExportBench.tenant))
      bench.check()
    }
    expectAnotherUserIsRefused(&bench)
  }

  /// Records an issue unless the arena, if another user had it, is not leased to this one, zeroed
  /// or not.
  private func expectAnotherUserIsRefused(_ bench: inout ExportBench) {
    bench.engine.exports.arenas.noteSeen(ExportBench.tenant, by: 4711, barsStrangers: false)
    for isCleared in [false, true] {
      if isCleared { expect(bench.engine.clearArena(of: ExportBench.tenant)) }
      do {
        _ = try lease(&bench)
        Issue.record("another user was given the arena")
      } catch {
        let error = error as? XDPError
        #expect(error?.kind == .notExportable && error?.reason.contains("user 4711") == true)
        #expect(error?.remedy.contains("same user") == true)
      }
    }
  }

  /// Leases the arena to a process that takes the files, does `harm` to the arena's and goes.
  private func leaseAndEnd(_ bench: inout ExportBench, _ harm: (Int32) throws -> Void) throws {
    let pair = try connection()
    let export = try bench.engine.lease(
      ExportBench.tenant, to: PeerSocket(pair.near),
      ExportTerms(forwardPort: bench.outPort))
    let (_, files) = try PeerSocket(pair.far).unpack(wordCount: 6, timeout: .seconds(1))
    try harm(files[0])
    for file in files { FileAttack.close(file) }
    bench.engine.end(export)
  }

  @Test("Where a tenant made a hole, which nobody can see, no other user's tenant sends")
  func hole() throws {
    var bench = try ExportBench()
    try leaseAndEnd(&bench) { file in expect(FileAttack.punchHole(file)) }
    expect(bench.engine.clearArena(of: ExportBench.tenant))
    expectAnotherUserIsRefused(&bench)
    // Its own user comes back.
    bench.engine.exports.arenas.noteSeen(ExportBench.tenant, by: getuid(), barsStrangers: false)
    _ = try lease(&bench)
    bench.expectOthersUnharmed()
  }

  @Test("A page that is kept in a pipe does not count as seen, and shows no other user's bytes")
  func pipe() throws {
    var bench = try ExportBench()
    var kept: Int32?
    try leaseAndEnd(&bench) { file in
      expect(FileAttack.write(file))
      kept = FileAttack.keepInPipe(file)
    }
    let pipe = try #require(kept)
    expect(!bench.engine.isArenaSeen(of: ExportBench.tenant))
    expect(bench.engine.clearArena(of: ExportBench.tenant))
    expectAnotherUserIsRefused(&bench)
    // No copy of what was there: the page itself, which was zeroed since.
    expectEqual(FileAttack.firstByte(in: pipe), 0)
    FileAttack.close(pipe)
  }

  @Test("An arena that a tenant writes to cannot be cut or extended, and a hole hurts nobody else")
  func files() throws {
    var bench = try ExportBench()
    let pair = try connection()
    _ = try bench.engine.lease(
      ExportBench.tenant, to: PeerSocket(pair.near),
      ExportTerms(forwardPort: bench.outPort))
    let (_, files) = try PeerSocket(pair.far).unpack(wordCount: 6, timeout: .seconds(1))
    expect(!FileAttack.resize(files[0], 0) && !FileAttack.resize(files[0], 1 << 30))
    expect(!FileAttack.seal(files[0]))
    expect(FileAttack.mapToWrite(files[0], 32 << 10))
    expect(FileAttack.punchHole(files[0]))
    for file in files { FileAttack.close(file) }
    bench.expectOthersUnharmed()
  }

  @Test("Random words from a tenant hurt nobody else", arguments: 0..<20)
  func random(_ seed: UInt64) throws {
    var bench = try ExportBench(isUnaligned: seed % 2 == 1)
    var random = SeededGenerator(seed: seed)
    let (export, tenant) = try lease(&bench)
    var others = 0
    for round in 0..<200 {
      for _ in 0..<Int.random(in: 0...6, using: &random) where tenant.writer.channel.sender.hasRoom
      {
        let offset = UInt64.random(in: 0..<40 << 10, using: &random)
        tenant.say(offset | UInt64.random(in: 0..<2100, using: &random) << 40)
      }
      if Bool.random(using: &random) { _ = tenant.steal() }
      tenant.writer.flush()
      expect(bench.kernels[1].deliver(packet(round)))
      for _ in 0..<2 {
        while let frame = bench.engine.receive(from: bench.otherPort) {
          bench.engine.send(frame, to: bench.outPort)
          others += 1
        }
      }
      expect(try bench.engine.wait(timeout: .zero))
      _ = bench.kernels[2].transmitAll()
      bench.check()
    }
    #expect(others == 200)
    #expect(bench.kernels[2].counts.invalidTransmit == 0)
    // Most words named nothing that the tenant has: that ends it after a while, nothing else does.
    let report = try unwrap(bench.engine.report(of: export))
    #expect(report.ending == (report.refused > 256 ? .broken : nil))
  }
}

extension FlowWriter {
  /// A copy of every byte that it can see.
  func wholeArena() -> [UInt8] { copy(arena.span(at: 0, count: arena.byteCount)) }
}

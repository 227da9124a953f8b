import Expectations
import Glibc
import MartletTestKit
import Testing

@testable import Martlet

/// What cannot be exported is refused, saying why.
@Suite struct ExportRefusalTests {
  private func refusal(
    _ bench: inout ExportBench, _ group: FlowGroup, _ terms: ExportTerms
  ) throws -> XDPError? {
    let pair = try connection()
    let far = PeerSocket(pair.far)
    do throws(XDPError) {
      _ = try bench.engine.export(group, to: PeerSocket(pair.near), terms)
      // The process hangs up only now.
      _ = far.fileDescriptor
      return nil
    } catch {
      return error
    }
  }

  @Test("Groups whose packets lie in others' pages are exported by copies, or not at all")
  func placement() throws {
    var bench = try ExportBench { $0.groups.append(.init(arena: 64 << 10)) }
    let shared = try refusal(&bench, .shared, .copying)
    #expect(shared?.kind == .notExportable)
    // Without a queue of its own.
    let homeless = FlowGroup(index: 4)
    let error = try refusal(&bench, homeless, .init())
    #expect(error?.kind == .notExportable && error?.remedy.contains("copies") == true)
    #expect(error?.reason.contains("no queue is its own") == true)
    #expect(try refusal(&bench, homeless, .copying) == nil)
    // In copy mode strangers never reach the page.
    #expect(try refusal(&bench, ExportBench.flow, .init()) == nil)
  }

  @Test("Terms that name what the engine does not have, or no packet at all")
  func terms() throws {
    var bench = try ExportBench()
    let foreign = Port(index: 7)
    for terms in [ExportTerms(forwardPort: foreign), ExportTerms(kernelPort: foreign)] {
      let error = try refusal(&bench, ExportBench.flow, terms)
      #expect(error?.kind == .configuration && error?.reason.contains("another engine") == true)
    }
    for limit in [0, -5] {
      var terms = ExportTerms()
      terms.packetLimit = limit
      let error = try refusal(&bench, ExportBench.flow, terms)
      #expect(error?.kind == .configuration && error?.reason.contains("\(limit) packets") == true)
    }
  }

  @Test("What the NIC writes strangers into needs a closed world")
  func doors() throws {
    var bench = try ExportBench()
    let flow = ExportBench.flow
    let arenas = bench.engine.exports.arenas
    expect(arenas.addOpenDoors([0: flow, 1: ExportBench.other]))
    let error = try refusal(&bench, flow, .init())
    #expect(error?.kind == .notExportable && error?.remedy.contains("closed world") == true)
    // By another port of the group all the same.
    expect(arenas.addOpenDoors([7: flow]))
    arenas.shutDoor(0)
    #expect(try refusal(&bench, flow, .init())?.kind == .notExportable)
    #expect(try refusal(&bench, flow, .closed) == nil)
    bench.endExports()
    arenas.shutDoor(7)
    #expect(try refusal(&bench, flow, .init()) == nil)
    #expect(arenas.openDoor(7) == .barred && arenas.openDoor(1) == .wasOpen)
    #expect(arenas.openDoor(2) == .copies)
  }

  @Test("What was exported without strangers lets none in, also afterwards")
  func staysShut() throws {
    var bench = try ExportBench()
    let (flow, other) = (ExportBench.flow, ExportBench.other)
    let arenas = bench.engine.exports.arenas
    expect(arenas.addOpenDoors([0: flow, 1: other]))
    arenas.removeDoors([0: .init(group: flow, isOpen: true), 1: .init(group: other, isOpen: true)])
    expect(arenas.addOpenDoors([0: flow]))
    arenas.shutDoor(0)
    #expect(arenas.openDoor(0) == .wasShut && arenas.openDoor(0) == .wasOpen)
    arenas.shutDoor(0)
    let (export, consumer) = try bench.export()
    for _ in 0..<2 {
      #expect(arenas.openDoor(0) == .barred)
      // Of those that are refused together none is noted.
      #expect(
        arenas.addDoors([
          1: .init(group: other, isOpen: true), 2: .init(group: flow, isOpen: true),
        ]) == [flow])
      #expect(arenas.openDoor(1) == .copies && arenas.openDoor(2) == .copies)
      // It may have the arena mapped still.
      bench.engine.end(export)
      expect(consumer.reader.isOver)
    }
    // What has no frame yet may join.
    #expect(arenas.addDoors([2: .init(group: flow, isOpen: false)]) == [])
    #expect(arenas.openDoor(2) == .barred)
    #expect(try refusal(&bench, other, .init()) == nil)
    // Until the world is declared to be closed.
    #expect(try refusal(&bench, flow, .closed) == nil)
    #expect(arenas.openDoor(0) == .wasShut)
    bench.endExports()
    #expect(try refusal(&bench, flow, .init())?.kind == .notExportable)
  }

  @Test("An export that came to nothing bars nobody, and lifts no bar")
  func cameToNothing() throws {
    let arenas = ArenaBook()
    let flow = ExportBench.flow
    #expect(arenas.addDoors([0: .init(group: flow, isOpen: false)]) == [])
    do {
      let claim = try arenas.take(flow, for: 1, barsStrangers: true)
      #expect(arenas.openDoor(0) == .barred)
      withExtendedLifetime(claim) {}
    }
    #expect(arenas.openDoor(0) == .wasShut)
    arenas.shutDoor(0)
    do { try arenas.take(flow, for: 1, barsStrangers: true).noteSeen(by: 1) }
    do {
      let claim = try arenas.take(flow, for: 1, barsStrangers: false)
      #expect(arenas.openDoor(0) == .barred)
      withExtendedLifetime(claim) {}
    }
    #expect(arenas.openDoor(0) == .barred)
    do { try arenas.take(flow, for: 1, barsStrangers: false).noteSeen(by: 1) }
    #expect(arenas.openDoor(0) == .wasShut)
  }

  @Test("Who has the other end of a pair nobody knows: it is given an arena once")
  func pairs() throws {
    var bench = try ExportBench()
    for round in 0..<2 {
      let pair = try PeerSocket.pair()
      let far = PeerSocket(pair.far)
      #expect(far.peer() == nil)
      // An address of its own makes the other end no better known.
      expect(FileAttack.bindAbstractly(far.fileDescriptor))
      do throws(XDPError) {
        let export = try bench.engine.export(ExportBench.flow, to: PeerSocket(pair.near), .init())
        #expect(round == 0 && bench.engine.report(of: export)?.peer == nil)
        bench.engine.end(export)
      } catch {
        #expect(round == 1 && error.kind == .notExportable)
        #expect(error.reason.contains("did not name"))
      }
    }
  }

  @Test("A group without an arena, or with one of the other kind, is not exported")
  func arena() throws {
    var bench = try ExportBench()
    #expect(try refusal(&bench, .shared, .init())?.kind == .notExportable)
    #expect(try refusal(&bench, ExportBench.tenant, .init())?.kind == .notExportable)
    #expect(try refusal(&bench, FlowGroup(index: 9), .init())?.kind == .notExportable)
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 17
    configuration.groups = [.init(), .init(arena: 1 << 16)]
    let memory = SimulatedMemory(byteCount: configuration.byteCount)
    var plain = try Engine(configuration, memory: memory.packetMemory())
    let near = PeerSocket(try connection().near)
    do throws(XDPError) {
      _ = try plain.export(ExportBench.flow, to: near, .init())
      Issue.record("memory that is no file was exported")
    } catch {
      #expect(error.kind == .notExportable)
    }
  }

  @Test("A verdict that nothing can be done about is refused before it is given")
  func verdicts() throws {
    var bench = try ExportBench()
    var terms = ExportTerms(forwardPort: bench.outPort)
    terms.verdicts = [.drop, .kernel]
    let error = try refusal(&bench, ExportBench.flow, terms)
    #expect(error?.kind == .configuration && error?.remedy.contains("veth") == true)
  }

  @Test("One process at a time, and never another user's")
  func seen() throws {
    var bench = try ExportBench()
    let flow = ExportBench.flow
    do {
      let (export, consumer) = try bench.export()
      bench.arrive(0..<3, to: export)
      #expect(consumer.take().count == 3)
      #expect(try refusal(&bench, flow, .init())?.kind == .notExportable)
      expect(!bench.engine.clearArena(of: flow))
      bench.engine.end(export)
      // Its fill ring has frames of the arena: nothing can be zeroed.
      expect(!bench.engine.clearArena(of: flow))
      expect(bench.engine.isArenaSeen(of: flow))
    }
    // The same user's next process is welcome.
    #expect(try refusal(&bench, flow, .init()) == nil)
    bench.endExports()
    for user in [4711, nil] as [UInt32?] {
      bench.engine.exports.arenas.noteSeen(flow, by: user, barsStrangers: true)
      let error = try refusal(&bench, flow, .init())
      let who = user.map { "user \($0)" } ?? "did not name"
      #expect(error?.kind == .notExportable && error?.reason.contains(who) == true)
      // What can be done with ports that receive into the arena too.
      #expect(error?.remedy.contains("clearArena") == false)
    }
  }

  @Test("Whose process it is stands in the book before the arena is sent, whatever fails then")
  func seenInAdvance() throws {
    var bench = try ExportBench()
    let flow = ExportBench.flow
    let pair = try connection()
    let near = PeerSocket(pair.near)
    // A socket that is watched already cannot be added.
    let peers = try PeerSet()
    try peers.add(near, number: 0)
    bench.engine.exports.peers = consume peers
    do throws(XDPError) {
      _ = try bench.engine.export(flow, to: near, .init())
      Issue.record("a socket was watched twice")
    } catch {
      #expect(error.operation.contains("watch"))
    }
    let (_, files) = try PeerSocket(pair.far).unpack(wordCount: 6, timeout: .seconds(1))
    expectEqual(files.count, 2)
    for file in files { FileAttack.close(file) }
    do throws(ArenaBook.Refusal) {
      _ = try bench.engine.exports.arenas.take(flow, for: 4711, barsStrangers: true)
      Issue.record("the arena is open to any user")
    } catch {
      if case .isSeen(let user) = error { #expect(user == getuid()) } else { Issue.record(error) }
    }
    // And it is nobody's at present.
    #expect(try refusal(&bench, flow, .init()) == nil)
  }

  @Test("No port receives where a tenant writes")
  func ports() throws {
    var bench = try ExportBench()
    do throws(XDPError) {
      _ = try bench.engine.bind("lo", queue: 0, group: ExportBench.tenant)
      Issue.record("a port was bound to a tenant's memory")
    } catch {
      #expect(error.kind == .configuration)
    }
  }
}

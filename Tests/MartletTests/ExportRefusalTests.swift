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
    let pair = try PeerSocket.pair()
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

  @Test("Groups whose pages hold others' packets are not exported")
  func placement() throws {
    var bench = try ExportBench()
    let flow = ExportBench.flow
    let shared = try refusal(&bench, flow, .init(.shared(reason: "one queue for two groups")))
    #expect(shared?.kind == .notExportable)
    #expect(shared?.reason.contains("one queue for two groups") == true)
    #expect(try refusal(&bench, flow, .init(.isolated(copies: false)))?.kind == .notExportable)
    // In copy mode strangers never reach the page, and in a closed world there are none.
    #expect(try refusal(&bench, flow, .init(.bucket(isClosedWorld: false))) == nil)
  }

  @Test("A bucket in zero copy needs a closed world")
  func bucket() throws {
    var bench = try ExportBench()
    let flow = ExportBench.flow
    expect(bench.engine.exports.arenas.join([flow]))
    let error = try refusal(&bench, flow, .init(.bucket(isClosedWorld: false)))
    #expect(error?.kind == .notExportable && error?.remedy.contains("closed world") == true)
    #expect(try refusal(&bench, flow, .init(.bucket(isClosedWorld: true))) == nil)
  }

  @Test("Ports in zero copy that came to nothing forbid nothing, and none joins an open bucket")
  func joins() throws {
    var bench = try ExportBench()
    let arenas = bench.engine.exports.arenas
    expect(arenas.join([ExportBench.flow, ExportBench.other]))
    arenas.leave([ExportBench.flow, ExportBench.other])
    let (export, consumer) = try bench.export { $0.placement = .bucket(isClosedWorld: false) }
    expect(!arenas.join([ExportBench.other, ExportBench.flow]))
    bench.engine.end(export)
    expect(consumer.reader.isOver)
    // It may have the arena mapped still, until the world is declared to be closed.
    expect(!arenas.join([ExportBench.flow]))
    // Of those that were refused together none was counted.
    let open = ExportTerms(.bucket(isClosedWorld: false))
    #expect(try refusal(&bench, ExportBench.other, open) == nil)
    let closed = ExportTerms(.bucket(isClosedWorld: true))
    #expect(try refusal(&bench, ExportBench.flow, closed) == nil)
    expect(arenas.join([ExportBench.flow]))
    #expect(try refusal(&bench, ExportBench.flow, open)?.kind == .notExportable)
  }

  @Test("A group without an arena, or with one of the other kind, is not exported")
  func arena() throws {
    var bench = try ExportBench()
    #expect(try refusal(&bench, .shared, .init(.exact))?.kind == .notExportable)
    #expect(try refusal(&bench, ExportBench.tenant, .init(.exact))?.kind == .notExportable)
    #expect(try refusal(&bench, FlowGroup(index: 9), .init(.exact))?.kind == .notExportable)
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 17
    configuration.groups = [.init(), .init(arena: 1 << 16)]
    let memory = SimulatedMemory(byteCount: configuration.byteCount)
    var plain = try Engine(configuration, memory: memory.packetMemory())
    let near = PeerSocket(try PeerSocket.pair().near)
    do throws(XDPError) {
      _ = try plain.export(ExportBench.flow, to: near, .init(.exact))
      Issue.record("memory that is no file was exported")
    } catch {
      #expect(error.kind == .notExportable)
    }
  }

  @Test("A verdict that nothing can be done about is refused before it is given")
  func verdicts() throws {
    var bench = try ExportBench()
    var terms = ExportTerms(.exact, forwardPort: bench.outPort)
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
      #expect(try refusal(&bench, flow, .init(.exact))?.kind == .notExportable)
      expect(!bench.engine.clearArena(of: flow))
      bench.engine.end(export)
      // Its fill ring has frames of the arena: nothing can be zeroed.
      expect(!bench.engine.clearArena(of: flow))
      expect(bench.engine.isArenaSeen(of: flow))
    }
    // The same user's next process is welcome.
    #expect(try refusal(&bench, flow, .init(.exact)) == nil)
    for export in bench.engine.exports.names { bench.engine.end(export) }
    for user in [4711, nil] as [UInt32?] {
      bench.engine.exports.arenas.noteSeen(flow, by: user)
      let error = try refusal(&bench, flow, .init(.exact))
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
    let pair = try PeerSocket.pair()
    let near = PeerSocket(pair.near)
    // A socket that is watched already cannot be added.
    let peers = try PeerSet()
    try peers.add(near, number: 0)
    bench.engine.exports.peers = consume peers
    do throws(XDPError) {
      _ = try bench.engine.export(flow, to: near, .init(.exact))
      Issue.record("a socket was watched twice")
    } catch {
      #expect(error.operation.contains("watch"))
    }
    let (_, files) = try PeerSocket(pair.far).unpack(wordCount: 6, timeout: .seconds(1))
    expectEqual(files.count, 2)
    for file in files { FileAttack.close(file) }
    do throws(ArenaBook.Refusal) {
      _ = try bench.engine.exports.arenas.take(flow, for: 4711, asOpenBucket: false)
      Issue.record("the arena is open to any user")
    } catch {
      if case .isSeen(let user) = error { #expect(user == getuid()) } else { Issue.record(error) }
    }
    // And it is nobody's at present.
    #expect(try refusal(&bench, flow, .init(.exact)) == nil)
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

import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// Engines over one memory give its groups away as one engine would.
@Suite struct SharedExportTests {
  /// Memory for three engines, with the groups of an `ExportBench` in it.
  private func memory() throws -> SharedMemory {
    var configuration = Engine.Configuration()
    configuration.memory = 512 << 10
    configuration.ringSize = 64
    configuration.isUnaligned = false
    configuration.fillDepth = 16
    var tenant = FlowGroup.Configuration(arena: 32 << 10)
    tenant.isWritable = true
    configuration.groups = [.init(), .init(arena: 64 << 10), .init(arena: 64 << 10), tenant]
    return try SharedMemory(configuration, workers: 3)
  }

  private func export(
    _ engine: inout Engine, _ group: FlowGroup, _ terms: ExportTerms = .copying
  ) throws -> (FlowExport, Consumer) {
    let pair = try connection()
    let far = pair.far
    let export = try engine.export(group, to: PeerSocket(pair.near), terms)
    return (export, Consumer(try FlowReader(connectedTo: far)))
  }

  /// What the engine says to an export of the group; nil, and the export goes on, if it is given.
  private func refusal(_ engine: inout Engine, _ group: FlowGroup) throws -> String? {
    let pair = try connection()
    defer { FileAttack.close(pair.far) }
    do throws(XDPError) {
      _ = try engine.export(group, to: PeerSocket(pair.near), .copying)
      return nil
    } catch {
      #expect(error.kind == .notExportable)
      return "\(error)"
    }
  }

  @Test("A group that one engine exported another refuses in the same words, until that is over")
  func exported() throws {
    let memory = try memory()
    var left = try Engine(sharing: memory)
    var right = try Engine(sharing: memory)
    let flow = ExportBench.flow
    let (first, consumer) = try export(&left, flow)
    let own = try unwrap(try refusal(&left, flow))
    let others = try refusal(&right, flow)
    #expect(own == others && own.contains("another process"))
    expect(!right.clearArena(of: flow))
    left.end(first)
    expect(!consumer.reader.wait(timeout: .seconds(5)))
    let (second, next) = try export(&right, flow)
    #expect(try refusal(&left, flow) == own)
    // An old name ends nothing.
    left.end(first)
    #expect(try refusal(&left, flow) == own)
    right.end(second)
    expect(next.reader.isOver)
    #expect(try refusal(&left, flow) == nil)
  }

  @Test("An arena that one engine leased another does not")
  func leased() throws {
    let memory = try memory()
    var left = try Engine(sharing: memory)
    var right = try Engine(sharing: memory)
    let rings = (0..<2).map { _ in MemoryRings(.init(all: 64)) }
    defer { withExtendedLifetime(rings) {} }
    let ports = [
      left.bind(inMemory: rings[0].takeApplicationEnds()),
      right.bind(inMemory: rings[1].takeApplicationEnds()),
    ]
    let first = try lease(&left, ports[0])
    #expect(throws: XDPError.self) { _ = try lease(&right, ports[1]) }
    expect(!right.clearArena(of: ExportBench.tenant))
    left.end(first)
    _ = try lease(&right, ports[1])
  }

  private func lease(_ engine: inout Engine, _ port: Port) throws -> FlowExport {
    let pair = try connection()
    defer { FileAttack.close(pair.far) }
    return try engine.lease(
      ExportBench.tenant, to: PeerSocket(pair.near), ExportTerms(forwardPort: port))
  }

  @Test("Which user has seen an arena all engines know, also of one that is gone")
  func seen() throws {
    let memory = try memory()
    var left = try Engine(sharing: memory)
    do {
      var right = try Engine(sharing: memory)
      _ = try export(&right, ExportBench.flow)
      right.exports.arenas.noteSeen(ExportBench.flow, by: 4711, barsStrangers: true)
    }
    let error = try refusal(&left, ExportBench.flow)
    #expect(error?.contains("user 4711") == true)
    expect(left.clearArena(of: ExportBench.flow))
    #expect(try refusal(&left, ExportBench.flow) == error)
  }

  @Test("An engine that goes gives its own groups back, and no other's")
  func gone() throws {
    let memory = try memory()
    var left = try Engine(sharing: memory)
    let (first, consumer) = try export(&left, ExportBench.flow)
    do {
      var right = try Engine(sharing: memory)
      let (_, other) = try export(&right, ExportBench.other)
      #expect(try refusal(&left, ExportBench.other) != nil)
      expect(!other.reader.isOver)
    }
    var third = try Engine(sharing: memory)
    #expect(try refusal(&third, ExportBench.flow) != nil)
    #expect(try refusal(&third, ExportBench.other) == nil)
    expect(left.isOpen(first) && !consumer.reader.isOver)
  }

  @Test("A group that one engine exported without strangers none binds a port in zero copy to")
  func doors() throws {
    let memory = try memory()
    var left = try Engine(sharing: memory)
    let right = try Engine(sharing: memory)
    let (first, consumer) = try export(&left, ExportBench.flow)
    for _ in 0..<2 {
      expect(!right.exports.arenas.addOpenDoors([64: ExportBench.flow]))
      // The process may have it mapped still.
      left.end(first)
      expect(consumer.reader.isOver)
    }
    expect(right.exports.arenas.addOpenDoors([64: ExportBench.other]))
    // As a port in zero copy of the other engine does.
    let error = try refusal(&left, ExportBench.other)
    #expect(error?.contains("closed world") == true)
  }
}

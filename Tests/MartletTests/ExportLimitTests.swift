import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// What an export may take, and what becomes of what does not fit.
@Suite struct ExportLimitTests {
  @Test("A group's quota caps what a consumer can hold, below its limit")
  func quota() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 128 << 10
    configuration.ringSize = 64
    configuration.isUnaligned = false
    configuration.groups = [.init(), .init(quota: 32 << 10, arena: 64 << 10)]
    var engine = try Engine(configuration)
    let umem = try unwrap(engine.control.umem)
    let memory = SimulatedMemory(of: umem)
    let rings = MemoryRings(.init(all: 64))
    let kernel = SimulatedKernel(rings: rings, memory: memory)
    let port = engine.bind(inMemory: rings.takeApplicationEnds(), group: ExportBench.flow)
    var terms = ExportTerms()
    terms.packetLimit = 30
    let pair = try connection()
    let export = try engine.export(ExportBench.flow, to: PeerSocket(pair.near), terms)
    let consumer = Consumer(try FlowReader(connectedTo: pair.far))
    for number in 0..<100 {
      kernel.deliver(packet(number))
      engine.deliver(from: port, to: export)
      expect(try engine.wait(timeout: .zero))
    }
    // Sixteen slots in all: the kernel has none left to receive into, and drops.
    #expect(try unwrap(engine.report(of: export)).outstanding == 16)
    #expect(kernel.counts.received == 16 && kernel.counts.fillEmpty == 84)
    #expect(consumer.take().count == 16)
    expect(try engine.wait(timeout: .zero))
    kernel.deliver(packet(7))
    engine.deliver(from: port, to: export)
    #expect(consumer.take() == [packet(7)])
    #expect(engine.firstDisagreement() == nil)
  }

  @Test("A packet of several fragments is not shown, and none of its frames is lost")
  func fragments() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 128 << 10
    configuration.ringSize = 64
    configuration.isUnaligned = false
    configuration.takesFragments = true
    configuration.groups = [.init(), .init(arena: 128 << 10)]
    var engine = try Engine(configuration)
    let umem = try unwrap(engine.control.umem)
    let rings = MemoryRings(.init(all: 64))
    let kernel = SimulatedKernel(rings: rings, memory: SimulatedMemory(of: umem)) {
      $0.takesFragments = true
    }
    let port = engine.bind(inMemory: rings.takeApplicationEnds(), group: ExportBench.flow)
    let pair = try connection()
    let export = try engine.export(
      ExportBench.flow, to: PeerSocket(pair.near), ExportTerms())
    let consumer = Consumer(try FlowReader(connectedTo: pair.far))
    for number in 0..<20 {
      expect(kernel.deliver(packet(number, byteCount: 9000)))
      expect(kernel.deliver(packet(number)))
      while engine.deliver(from: port, to: export) != 0 {}
      #expect(consumer.take() == [packet(number)])
      expect(try engine.wait(timeout: .zero))
    }
    #expect(try unwrap(engine.report(of: export)).unfit == 20)
    #expect(engine.firstDisagreement() == nil)
    expectEqual(engine.ledger().received, 0)
  }

  @Test("As many exports as an engine can have; a further one is refused and a place is used again")
  func places() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 64 << 10
    configuration.groups = [.init()] + (0..<70).map { _ in .init(arena: 8 << 10) }
    var engine = try Engine(configuration)
    var exports: [FlowExport] = []
    var consumers: [Consumer] = []
    for group in 1...ExportControl.limit {
      let pair = try connection()
      exports.append(
        try engine.export(FlowGroup(index: group), to: PeerSocket(pair.near), .copying))
      consumers.append(Consumer(try FlowReader(connectedTo: pair.far)))
    }
    let further = FlowGroup(index: 70)
    let pair = try connection()
    let far = PeerSocket(pair.far)
    do throws(XDPError) {
      _ = try engine.export(further, to: PeerSocket(pair.near), .copying)
      Issue.record("a place too many: \(far.fileDescriptor)")
    } catch {
      #expect(error.kind == .configuration)
    }
    engine.end(exports[5])
    #expect(try unwrap(engine.report(of: exports[5])).ending == .application)
    let next = try connection()
    let last = try engine.export(further, to: PeerSocket(next.near), .copying)
    let consumer = Consumer(try FlowReader(connectedTo: next.far))
    expect(engine.isOpen(last) && !engine.isOpen(exports[5]))
    #expect(engine.report(of: exports[5]) == nil)
    // An old name does nothing to who has the place now.
    engine.end(exports[5])
    expect(engine.isOpen(last))
    expect(!consumers[5].reader.wait(timeout: .seconds(5)))
    expect(consumer.reader.wait(timeout: .zero))
  }

  @Test("The channel of an export that is over is given back")
  func nothingLeft() throws {
    var bench = try ExportBench()
    for _ in 0..<10 {
      let (export, consumer) = try bench.export()
      weak let memory = memory(of: export, bench.engine)
      #expect(memory != nil)
      bench.engine.end(export)
      #expect(memory == nil)
      expect(!consumer.reader.wait(timeout: .seconds(5)))
    }
  }

  private func memory(of export: FlowExport, _ engine: borrowing Engine) -> ChannelMemory? {
    switch engine.exports.states[export.index] {
    case .some(let state): state.channel.memory
    case .none: nil
    }
  }
}

import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// What one export leaves behind is not taken for the next one's.
@Suite struct ExportLifeTests {
  @Test("An arena that a process still maps is not cleared, though nothing of it is in use")
  func stillMapped() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 64 << 10
    configuration.groups = [.init(), .init(arena: 64 << 10)]
    // No port receives into it: nothing else stands in the way.
    var engine = try Engine(configuration)
    do {
      let pair = try connection()
      let export = try engine.export(ExportBench.flow, to: PeerSocket(pair.near), .copying)
      let consumer = Consumer(try FlowReader(connectedTo: pair.far))
      engine.end(export)
      expect(!engine.clearArena(of: ExportBench.flow))
      expect(consumer.reader.isOver)
    }
    expect(engine.clearArena(of: ExportBench.flow))
  }

  @Test("The time in which a consumer had nothing does not count when it gets something")
  func idle() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.stallLimit = .milliseconds(200) }
    bench.arrive(0..<3, to: export)
    #expect(consumer.take().count == 3)
    let end = ContinuousClock.now + .milliseconds(300)
    while ContinuousClock.now < end {
      expect(try bench.engine.wait(timeout: .milliseconds(10)))
    }
    bench.arrive(3..<4, to: export)
    expect(try bench.engine.wait(timeout: .zero))
    expect(bench.engine.isOpen(export))
    expectEqual(bench.engine.report(of: export)?.outstanding, 1)
    #expect(consumer.take() == [packet(3)])
  }

  @Test("What comes for an export that is over is not counted for the next one at its place")
  func late() throws {
    var bench = try ExportBench()
    var exports: [FlowExport] = []
    for _ in 0..<2 {
      let (export, consumer) = try bench.export()
      bench.engine.end(export)
      expect(consumer.reader.isOver)
      exports.append(export)
    }
    #expect(exports[0].index == exports[1].index)
    expect(bench.kernels[0].deliver(packet(1)))
    #expect(bench.engine.deliver(from: bench.flowPort, to: exports[0]) == 1)
    expectEqual(bench.engine.report(of: exports[1])?.late, 0)
    bench.check()
  }

  @Test("A shipment that promises more packets than the ring holds is none")
  func shipment() {
    let shipment = Shipment(
      role: .consumer, ringSize: 16, chunkSize: 2048, verdicts: [.drop], packetLimit: 16)
    var words = shipment.words
    #expect(Shipment(words) == shipment)
    words[5] = 17
    #expect(Shipment(words) == nil)
  }
}

import Expectations
import MartletTestKit
import Testing

@testable import Martlet

extension ExportBench {
  /// A further port of the flow's group that is left without a frame, as one in zero copy is.
  fileprivate mutating func bindEmpty() -> (Port, SimulatedKernel) {
    let rings = MemoryRings(.init(all: 64))
    let memory = SimulatedMemory(of: umem)
    let port = engine.bind(inMemory: rings.takeApplicationEnds(), group: Self.flow, isEmpty: true)
    let door = ArenaBook.Door(group: Self.flow, isOpen: false)
    #expect(engine.exports.arenas.addDoors([port.index: door]) == [])
    return (port, SimulatedKernel(rings: rings, memory: memory) { $0.isUnaligned = false })
  }
}

/// Ports that wait for their flow before they have a frame to receive into.
@Suite struct EmptyPortTests {
  @Test("There is no frame until the engine looks, and strangers may come only then")
  func waiting() throws {
    var bench = try ExportBench()
    let arenas = bench.engine.exports.arenas
    let (first, kernel) = bench.bindEmpty()
    expect(!kernel.deliver(packet(1)))
    // What completes goes elsewhere.
    for _ in 0..<4 {
      guard let frame = bench.engine.allocate(byteCount: 60, group: ExportBench.flow) else { break }
      bench.engine.send(frame, to: first)
      bench.engine.flush()
      expectEqual(kernel.transmitAll().count, 1)
    }
    expect(bench.engine.drain(timeout: .seconds(5)))
    expect(!kernel.deliver(packet(1)))
    // Any port that is looked at will do.
    expect(bench.engine.receive(from: bench.otherPort) == nil)
    expect(kernel.deliver(packet(1)))
    #expect(arenas.openDoor(first.index) == .wasOpen)
    let (second, next) = bench.bindEmpty()
    expect(try bench.engine.wait(timeout: .zero))
    expect(next.deliver(packet(2)))
    #expect(arenas.openDoor(second.index) == .wasOpen)
    bench.check()
  }

  @Test("There is none but by its flow where the group is exported")
  func barred() throws {
    var bench = try ExportBench()
    let (port, kernel) = bench.bindEmpty()
    let (export, consumer) = try bench.export()
    for _ in 0..<3 { expect(try bench.engine.wait(timeout: .zero)) }
    expect(bench.engine.receive(from: port) == nil)
    expect(!kernel.deliver(packet(1)) && bench.engine.unstocked.isEmpty)
    bench.engine.stock(port.index)
    expect(kernel.deliver(packet(1)))
    expect(bench.engine.deliver(from: port, to: export) == 1)
    #expect(consumer.take() == [packet(1)])
    bench.check()
  }

  @Test("Whatever comes is welcome once the world is declared to be closed")
  func closedWorld() throws {
    var bench = try ExportBench()
    let (_, kernel) = bench.bindEmpty()
    let (export, consumer) = try bench.export()
    expect(try bench.engine.wait(timeout: .zero))
    bench.engine.end(export)
    expect(consumer.reader.isOver && !kernel.deliver(packet(1)))
    _ = try bench.export { $0.isClosedWorld = true }
    expect(try bench.engine.wait(timeout: .zero))
    expect(kernel.deliver(packet(1)))
    bench.check()
  }
}

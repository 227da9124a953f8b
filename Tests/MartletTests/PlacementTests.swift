import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// A port of a flow group receives into that group's pages, whatever becomes of the packets.
@Suite struct PlacementTests {
  /// Two ports of a group each, and one of the shared group.
  private func makeBench(
    isUnaligned: Bool, chunks: Int = 96,
    _ change: (inout [FlowGroup.Configuration]) -> Void = { _ in }
  ) throws -> Bench {
    var groups = [FlowGroup.Configuration(), .init(), .init()]
    change(&groups)
    return try Bench {
      $0.ports = 3
      $0.portGroups = [FlowGroup(index: 1), FlowGroup(index: 2)]
      $0.chunks = chunks
      $0.configuration.isUnaligned = isUnaligned
      $0.configuration.groups = groups
    }
  }

  /// Whether every entry of the ports' fill rings lies in pages of the port's group.
  private func fillsAreOfTheirGroups(_ bench: inout Bench) -> Bool {
    for port in 0..<3 {
      let rings = bench.rings(port)
      for offset in 0..<rings.fill.pending {
        let group = bench.engine.allocator.group(of: rings.fill.pendingEntry(offset))
        guard group == FlowGroup(index: port < 2 ? port + 1 : 0) else { return false }
      }
    }
    return true
  }

  @Test(
    "What a port sends of its own group's it receives into again at once, in that order",
    arguments: [false, true])
  func passedOn(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned)
    let rings = bench.rings(0)
    let used = (0..<3).map { rings.fill.pendingEntry($0) }
    bench.arrive(0..<3, to: 0)
    bench.arrive(3..<5, to: 1)
    // Its own and the other group's by turns.
    for port in [0, 1, 0, 1, 0] {
      guard let frame = bench.engine.receive(from: bench.ports[port]) else { return expect(false) }
      bench.engine.send(frame, to: bench.ports[0])
    }
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll().count, 5)
    for _ in 0..<2 { expectEqual(bench.take(), []) }
    expectEqual(rings.fill.pending, 8)
    expectEqual((5..<8).map { rings.fill.pendingEntry($0) }, used)
    expect(try bench.engine.wait(timeout: .zero))
    expect(fillsAreOfTheirGroups(&bench))
    bench.check()
  }

  @Test(
    "What a port receives lies in pages of its group, though frames go through every other port",
    arguments: [false, true])
  func fillRingsStayPure(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned)
    for round in 0..<40 {
      for port in 0..<3 { bench.arrive(round * 3..<round * 3 + 3, to: port) }
      for port in 0..<3 {
        // One goes back out, one to another port, one is dropped.
        var count = 0
        while let frame = bench.engine.receive(from: bench.ports[port]) {
          let group = bench.engine.allocator.group(of: frame.address)
          expectEqual(group, FlowGroup(index: port < 2 ? port + 1 : 0))
          switch count {
          case 0: bench.engine.send(frame, to: bench.ports[port])
          case 1: bench.engine.send(frame, to: bench.ports[(port + 1 + round % 2) % 3])
          default: bench.engine.release(frame)
          }
          count += 1
        }
        expectEqual(count, 3)
      }
      for port in 0..<3 { expectEqual(bench.kernels[port].transmitAll().count, 2) }
      expect(try bench.engine.wait(timeout: .zero))
      expect(fillsAreOfTheirGroups(&bench))
      bench.check()
    }
  }

  @Test("A verdict sends and drops without mixing the groups", arguments: [false, true])
  func verdictsStayPure(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned)
    for round in 0..<40 {
      for port in 0..<3 { bench.arrive(round * 4..<round * 4 + 4, to: port) }
      for port in 0..<3 {
        var count = 0
        expectEqual(
          bench.engine.forward(from: bench.ports[port], to: bench.ports[(port + 1) % 3]) { _ in
            count += 1
            return count % 2 == 0 ? .drop : .forward
          }, 4)
      }
      for port in 0..<3 { expectEqual(bench.kernels[port].transmitAll().count, 2) }
      expect(try bench.engine.wait(timeout: .zero))
      expect(fillsAreOfTheirGroups(&bench))
      bench.check()
    }
  }

  @Test("A group at its quota receives no more, and the others go on", arguments: [false, true])
  func quotaStarvesItsPort(_ isUnaligned: Bool) throws {
    var bench = try makeBench(isUnaligned: isUnaligned) { $0[1].quota = 4 * 4096 }
    var shelf = Shelf()
    var held = 0
    for round in 0..<40 {
      for port in 0..<3 { _ = bench.kernels[port].deliver(packet(round)) }
      // The consumer of the first group keeps everything.
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        shelf.put(frame)
        held += 1
      }
      for port in 1..<3 { expectEqual(bench.takeAll(from: port), [packet(round)]) }
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    expectEqual(held, 8)
    expectEqual(bench.kernels[0].counts.fillEmpty, 32)
    while let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    bench.arrive(0..<4)
    expectEqual(bench.takeAll(), packets(0..<4))
    bench.check()
  }
}

import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// How many pages the packets of a group take that an application holds: the fewer, the less it has
/// to map into another process.
@Suite struct HeldPagesTests {
  /// What 200 held packets took.
  private struct Held {
    var pages: Set<UInt64> = []
    var copies: UInt64 = 0
  }

  /// Packets of 64, 594 and 1,518 bytes in 7 : 4 : 1, in an order of chance.
  private func lengths(_ count: Int, seed: UInt64) -> [Int] {
    var random = SeededGenerator(seed: seed)
    let mix = [64, 64, 64, 64, 64, 64, 64, 594, 594, 594, 594, 1518]
    return (0..<count).map { mix[$0 % mix.count] }.shuffled(using: &random)
  }

  /// Receives 200 packets of a group, with `slots` in the fill ring, and keeps them all.
  private func hold(_ settling: Settling, slots: Int) throws -> Held {
    var bench = try Bench {
      $0.chunks = 2048
      $0.ringSize = 1024
      $0.portGroups = [FlowGroup(index: 1)]
      $0.configuration.isUnaligned = true
      $0.configuration.fillDepth = slots
      $0.configuration.groups = [.init(), .init()]
    }
    var shelf = Shelf()
    var held = Held()
    for (number, byteCount) in lengths(200, seed: 1).enumerated() {
      let bytes = packet(number, byteCount: byteCount)
      expect(bench.kernels[0].deliver(bytes))
      var received = bench.engine.receive(from: bench.ports[0])
      if received == nil { received = bench.engine.receive(from: bench.ports[0]) }
      guard let frame = received.take() else {
        expect(false)
        break
      }
      let settled = bench.engine.settle(frame, settling)
      expectEqual(bench.engine.allocator.group(of: settled.address), FlowGroup(index: 1))
      let kept = bench.bytes(of: settled)
      expectEqual(kept, bytes)
      held.pages.insert(settled.address / 4096)
      held.pages.insert((settled.address + UInt64(byteCount) - 1) / 4096)
      shelf.put(settled)
    }
    held.copies = bench.engine.copies.packets
    bench.check()
    while let frame = shelf.take() { bench.engine.release(frame) }
    bench.check()
    return held
  }

  @Test("200 packets that stay where they are take few pages, however deep the fill ring")
  func inPlace() throws {
    for (slots, most) in [(24, 82), (128, 100), (1024, 100)] {
      let held = try hold(.inPlace, slots: slots)
      expect(held.pages.count <= most)
      expectEqual(held.copies, 0)
    }
  }

  @Test("200 packets that are packed take a page for ten, and each copy is counted")
  func packed() throws {
    for slots in [24, 128, 1024] {
      let held = try hold(.pack, slots: slots)
      expect(held.pages.count <= 20)
      expectEqual(held.copies, 200)
    }
  }
}

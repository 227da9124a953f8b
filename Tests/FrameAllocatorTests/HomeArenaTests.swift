import Expectations
import FrameAllocator
import Testing

/// A group with an arena of its own has all its frames there, and nobody else has any.
@Suite struct HomeArenaTests {
  private static let first = FlowGroup(index: 1)
  private static let second = FlowGroup(index: 3)

  private func makeConfiguration(
    nodeOrder: Int = 0, isUnaligned: Bool = false
  ) -> FrameAllocator.Configuration {
    let node = 4096 << nodeOrder
    var configuration = FrameAllocator.Configuration(
      byteCount: 40 * node,
      groups: [.init(), .init(arena: 6 * node), .init(), .init(quota: 2 * node, arena: 10 * node)])
    configuration.nodeOrder = nodeOrder
    configuration.isUnaligned = isUnaligned
    return configuration
  }

  @Test("Arenas lie behind what all share, one after the other")
  func layout() throws {
    let arenas = makeConfiguration().arenas
    #expect(arenas.map(\.group) == [Self.first, Self.second])
    #expect(arenas.map(\.addresses.lowerBound) == [24 * 4096, 30 * 4096])
    #expect(arenas.map(\.addresses.upperBound) == [30 * 4096, 40 * 4096])
  }

  @Test(
    "Slots and frames of a group are in its arena, all others outside",
    arguments: 0...3, [false, true])
  func ownFrames(_ nodeOrder: Int, _ isUnaligned: Bool) throws {
    let configuration = makeConfiguration(nodeOrder: nodeOrder, isUnaligned: isUnaligned)
    var allocator = try FrameAllocator(configuration)
    let arenas = configuration.arenas.map(\.addresses)
    for group in 0..<4 {
      let own = group == 1 ? arenas[0] : group == 3 ? arenas[1] : 0..<arenas[0].lowerBound
      var frames = exhaust(&allocator, byteCount: 700, group: FlowGroup(index: group))
      while let slot = allocator.allocateSlot(group: FlowGroup(index: group), custody: .held) {
        frames.append(slot)
      }
      #expect(frames.allSatisfy { own.contains($0) })
      // What is at its quota or at its arena's end leaves everything to the others.
      #expect(group == 2 || frames.count > 3)
      expectSound(allocator)
      if group == 0 { for frame in frames.prefix(20) { allocator.release(frame) } }
    }
    let rest = exhaust(&allocator, byteCount: 64, group: Self.second)
    #expect(rest.allSatisfy { arenas[1].contains($0) })
  }

  @Test("All of an arena is the group's, and no quota takes it from others")
  func wholeArena() throws {
    var allocator = try FrameAllocator(makeConfiguration())
    expectEqual(exhaust(&allocator, byteCount: 4096, group: Self.first).count, 6)
    expectEqual(exhaust(&allocator, byteCount: 4096, group: Self.second).count, 2)
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 24)
    expectSound(allocator)
  }

  @Test("An arena is zeroed when it is empty and nobody sees it, and then serves its group again")
  func zeroing() throws {
    let pool = try FramePool(makeConfiguration())
    var allocator = pool.makeAllocator(worker: 0)
    let frame = try unwrap(allocator.allocate(byteCount: 64, group: Self.first))
    #expect(pool.export(Self.first)?.map(\.addresses.lowerBound) == [24 * 4096])
    #expect(pool.closeArena(of: Self.first) == nil)
    pool.withdraw(Self.first)
    #expect(pool.closeArena(of: Self.first) == nil)
    allocator.release(frame)
    allocator.letGo(of: Self.first)
    let arena = try unwrap(pool.closeArena(of: Self.first))
    expect(allocator.allocate(byteCount: 64, group: Self.first) == nil)
    #expect(pool.nextArenaToZero() == nil)
    #expect(pool.returnZeroed(arena))
    expect(allocator.allocate(byteCount: 64, group: Self.first) != nil)
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 24)
    expectSound(allocator)
  }

  @Test("Arenas that do not fit are refused")
  func refusals() {
    for arena in [0, 100, -4096, 4096 * 40, 4096 * 36] {
      var configuration = FrameAllocator.Configuration(byteCount: 40 * 4096)
      configuration.groups = [.init(guarantee: 5 * 4096), .init(arena: arena)]
      #expect(throws: FrameAllocatorError.self) { _ = try FramePool(configuration) }
    }
  }
}

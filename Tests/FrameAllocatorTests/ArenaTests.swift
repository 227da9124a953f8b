import Expectations
import FrameAllocator
import Testing

/// Memory that other processes see stays with its group, and is zeroed before it serves another.
@Suite struct ArenaTests {
  private static let size = 8 * 4096

  private func makePool() throws -> FramePool {
    var configuration = makeConfiguration(
      nodes: 32, groups: [.init(), .init(isExportable: true)])
    configuration.arenaSize = Self.size
    return try FramePool(configuration)
  }

  @Test("An exportable group has arenas of its own, and other groups' are never exported")
  func ownArenas() throws {
    let pool = try makePool()
    var allocator = pool.makeAllocator(worker: 0)
    let group = FlowGroup(index: 1)
    let mine = try (0..<100).map { _ in
      try unwrap(allocator.allocate(byteCount: 1000, group: group))
    }
    let others = exhaust(&allocator, byteCount: 1000)
    let arenas = try unwrap(pool.export(group))
    for frame in mine { #expect(arenas.contains { $0.addresses.contains(frame) }) }
    for frame in others { #expect(!arenas.contains { $0.addresses.contains(frame) }) }
    #expect(pool.export(.shared) == nil)
    #expect(pool.export(FlowGroup(index: 7)) == nil)
    expectSound(allocator)
  }

  @Test("An exported arena serves others only after it was withdrawn, emptied and zeroed")
  func lifeOfAnArena() throws {
    let pool = try makePool()
    var allocator = pool.makeAllocator(worker: 0)
    let group = FlowGroup(index: 1)
    let frame = try unwrap(allocator.allocate(byteCount: 64, group: group))
    #expect(pool.export(group)?.count == 1)
    allocator.release(frame)
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 24)
    let again = try unwrap(allocator.allocate(byteCount: 64, group: group))
    pool.withdraw(group)
    #expect(pool.nextArenaToZero() == nil)
    allocator.release(again)
    expect(allocator.allocate(byteCount: 4096) == nil)
    let arena = try unwrap(pool.nextArenaToZero())
    #expect(arena.addresses.contains(frame))
    expect(allocator.allocate(byteCount: 4096) == nil)
    #expect(pool.returnZeroed(arena))
    #expect(!pool.returnZeroed(arena))
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 8)
    expectSound(allocator)
  }

  @Test("Workers that begin leave an arena empty for a group that was promised one")
  func promisedArena() throws {
    var configuration = makeConfiguration(
      nodes: 32, groups: [.init(), .init(guarantee: Self.size, isExportable: true)], workers: 4)
    configuration.arenaSize = Self.size
    let pool = try FramePool(configuration)
    for worker in 0..<3 {
      var allocator = pool.makeAllocator(worker: worker)
      expect(allocator.allocate(byteCount: 1000) != nil)
    }
    var last = pool.makeAllocator(worker: 3)
    expect(last.allocate(byteCount: 1000) != nil)
    expect(last.allocate(byteCount: 1000, group: FlowGroup(index: 1)) != nil)
  }

  @Test("An arena that was never exported is open to all again once it is empty")
  func neverExported() throws {
    let pool = try makePool()
    var allocator = pool.makeAllocator(worker: 0)
    for frame in exhaust(&allocator, byteCount: 4096, group: FlowGroup(index: 1)) {
      allocator.release(frame)
    }
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 32)
  }
}

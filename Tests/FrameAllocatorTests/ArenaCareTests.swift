import Expectations
import FrameAllocator
import Testing

/// No arena serves anyone while it is seen or not zeroed, and none that others are promised.
@Suite struct ArenaCareTests {
  private static let size = 8 * 4096
  private static let group = FlowGroup(index: 1)

  /// Four arenas of eight nodes each.
  private func makePool(_ groups: [FlowGroup.Configuration]) throws -> FramePool {
    var configuration = makeConfiguration(nodes: 32, groups: groups)
    configuration.arenaSize = Self.size
    return try FramePool(configuration)
  }

  @Test("An arena that is exported is not closed, though it is empty")
  func exported() throws {
    let configuration = FrameAllocator.Configuration(
      byteCount: 16 * 4096, groups: [.init(), .init(arena: Self.size)])
    let pool = try FramePool(configuration)
    #expect(pool.export(Self.group)?.count == 1)
    #expect(pool.closeArena(of: Self.group) == nil)
    pool.withdraw(Self.group)
    #expect(pool.closeArena(of: Self.group) != nil)
  }

  @Test("An arena with a frame in use is not returned as zeroed")
  func notEmpty() throws {
    let pool = try makePool([.init(), .init(isExportable: true)])
    var allocator = pool.makeAllocator(worker: 0)
    let frame = try unwrap(allocator.allocate(byteCount: 4096, group: Self.group))
    let arena = try unwrap(pool.export(Self.group)?.first)
    pool.withdraw(Self.group)
    #expect(!pool.returnZeroed(arena))
    allocator.release(frame)
    allocator.letGo(of: Self.group)
    #expect(pool.returnZeroed(arena))
    expectSound(allocator)
  }

  @Test("A group gets nothing of its own arena that has to be zeroed")
  func stale() throws {
    let pool = try makePool([.init(), .init(isExportable: true)])
    var allocator = pool.makeAllocator(worker: 0)
    expect(allocator.allocate(byteCount: 4096, group: Self.group) != nil)
    let arena = try unwrap(pool.export(Self.group)?.first)
    pool.withdraw(Self.group)
    let frames = exhaust(&allocator, byteCount: 4096, group: Self.group)
    #expect(frames.count == 24)
    #expect(!frames.contains { arena.addresses.contains($0) })
    expectSound(allocator)
  }

  @Test("A group takes no whole arena of which others are promised a part")
  func promised() throws {
    let pool = try makePool([.init(), .init(isExportable: true), .init(guarantee: 28 * 4096)])
    var allocator = pool.makeAllocator(worker: 0)
    expect(allocator.allocate(byteCount: 4096, group: Self.group) == nil)
    let promised = exhaust(&allocator, byteCount: 4096, group: FlowGroup(index: 2))
    #expect(promised.count >= 28)
    expectSound(allocator)
  }

  @Test("A group that gave back the arena it was promised is promised one again")
  func promisedAgain() throws {
    let pool = try makePool([.init(), .init(guarantee: Self.size, isExportable: true)])
    var allocator = pool.makeAllocator(worker: 0)
    let frame = try unwrap(allocator.allocate(byteCount: 4096, group: Self.group))
    allocator.release(frame)
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 24)
    expectEqual(exhaust(&allocator, byteCount: 4096, group: Self.group).count, 8)
    expectSound(allocator)
  }
}

import Testing

@testable import FrameAllocator

/// The audit is what the other tests believe: each invariant is broken by hand, and it must say so.
@Suite struct AuditTests {
  /// Eight chunks, 0 to 3 held, of which 3 by group 1, which is owed one more.
  private func makeBusy() throws -> FrameAllocator {
    var allocator = try makeAllocator(
      chunks: 8, reserve: 1,
      groups: [.init(), .init(quota: 3 * 2048, guarantee: 2 * 2048)])
    for _ in 0..<3 { _ = allocator.allocate(byteCount: 1) }
    _ = allocator.allocate(byteCount: 1, group: FlowGroup(index: 1))
    expectSound(allocator)
    return allocator
  }

  @Test func aCustodyThatIsNone() throws {
    var allocator = try makeBusy()
    allocator.custodies[2] = 1
    expectEqual(allocator.audit(), "chunk 2 has no custody")
  }

  @Test func aFreeChunkThatIsNotCounted() throws {
    var allocator = try makeBusy()
    allocator.freeCount -= 1
    expectEqual(allocator.audit(), "4 chunks are free, the count says 3")
  }

  @Test func aLostChunk() throws {
    var allocator = try makeBusy()
    allocator.custodies[0] = 0
    expectEqual(allocator.audit(), "5 chunks are free, the count says 4")
  }

  @Test func aChunkOnTheStackThatIsNotFree() throws {
    var allocator = try makeBusy()
    allocator.stack[1] = 0
    expectEqual(allocator.audit(), "chunk 0 is on the stack but not free")
  }

  @Test func aChunkOnTheStackTwice() throws {
    var allocator = try makeBusy()
    allocator.stack[1] = allocator.stack[0]
    expectEqual(allocator.audit(), "chunk 7 is on the stack twice")
  }

  @Test func anAccountThatDoesNotAddUp() throws {
    var allocator = try makeBusy()
    allocator.groups[0].used = 2
    expectEqual(allocator.audit(), "group 0 has 3 chunks, its account says 2")
  }

  @Test func aChunkOfAnotherGroup() throws {
    var allocator = try makeBusy()
    allocator.owners[0] = 1
    expectEqual(allocator.audit(), "group 0 has 2 chunks, its account says 3")
  }

  @Test func aGroupAboveItsQuota() throws {
    var allocator = try makeBusy()
    allocator.groups[0].quota = 2
    expectEqual(allocator.audit(), "group 0 is above its quota")
  }

  @Test func aDebtThatIsNotCounted() throws {
    var allocator = try makeBusy()
    allocator.owed = 0
    expectEqual(allocator.audit(), "groups are owed 1 chunks, the count says 0")
  }

  @Test func aDebtThatCannotBeMet() throws {
    var allocator = try makeBusy()
    allocator.groups[1].guarantee = 6
    allocator.owed = 5
    expectEqual(allocator.audit(), "4 free chunks cannot meet 5 owed")
  }

  @Test("An index outside a table traps") func outsideTheTable() async {
    await #expect(processExitsWith: .failure) {
      let table = Table<UInt16>(repeating: 0, count: 4)
      _ = table[4]
    }
    await #expect(processExitsWith: .failure) {
      var table = Table<UInt16>(repeating: 0, count: 4)
      table[-1] = 1
    }
  }
}

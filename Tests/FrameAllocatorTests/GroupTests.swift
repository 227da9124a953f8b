import Expectations
import FrameAllocator
import MartletTestKit
import Testing

/// Who may have how much: reserve, quotas, guarantees; and whose page is whose.
@Suite struct GroupTests {
  @Test(
    "Normal work never gets at the reserve, critical work gets exactly that", arguments: [0, 2])
  func reserve(order: Int) throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 10, order: order, reserve: 3))
    let normal = exhaust(&allocator)
    expectEqual(normal.count, 7 * (64 << order))
    expectEqual(exhaust(&allocator, permission: .critical).count, 3 * (64 << order))
    expect(allocator.allocateSlot(custody: .held) == nil)
    expectSound(allocator)
    // What comes back refills the reserve first.
    for frame in normal { allocator.release(frame) }
    expectEqual(exhaust(&allocator).count, 4 * (64 << order))
  }

  @Test("A hole in a reserve page is no normal memory")
  func reserveHole() throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 2, reserve: 1))
    _ = exhaust(&allocator)
    let critical = exhaust(&allocator, permission: .critical)
    expect(!allocator.mayPassOn)
    expect(allocator.release(critical[5]))
    expect(allocator.allocate(byteCount: 64) == nil)
    expectEqual(allocator.allocate(byteCount: 64, permission: .critical), critical[5])
    for frame in critical { expect(allocator.release(frame)) }
    expect(allocator.mayPassOn)
    expect(allocator.allocate(byteCount: 64) == nil)
  }

  @Test(
    "A slot is of its worker's and its group's heap; one of the reserve is of none",
    arguments: [false, true])
  func slotHeaps(_ isUnaligned: Bool) throws {
    var configuration = makeConfiguration(
      nodes: 4, reserve: 1, groups: [.init(), .init()], workers: 2)
    configuration.isUnaligned = isUnaligned
    let pool = try FramePool(configuration)
    var first = pool.makeAllocator(worker: 0)
    let second = pool.makeAllocator(worker: 1)
    let group = FlowGroup(index: 1)
    func isFound(_ slot: UInt64, _ heap: SlotHeap, _ slots: SlotMap) -> Bool {
      let byte = slot + 300
      let found =
        isUnaligned
        ? slots.slot(anywhere: byte, in: .transmit(3), of: heap)
        : slots.slot(aligned: byte, in: .transmit(3), of: heap)
      return found?.base == slot
    }
    let heaps = [
      first.slotHeap(of: group), first.slotHeap(of: .shared), second.slotHeap(of: group),
      second.slotHeap(of: .shared),
    ]
    // With a long free run in the page, and without.
    for _ in 0..<6 {
      let slot = try unwrap(first.allocateSlot(group: group, custody: .transmit(3)))
      expectEqual(heaps.map { isFound(slot, $0, first.slots) }, [true, false, false, false])
    }
    expect(first.allocateSlot(group: group, custody: .transmit(3)) == nil)
    let critical = try unwrap(
      first.allocateSlot(group: group, permission: .critical, custody: .transmit(3)))
    expectEqual(heaps.map { isFound(critical, $0, first.slots) }, [false, false, false, false])
    expect(!first.mayPassOn)
    expect(second.mayPassOn)
  }

  @Test("A group that hoards starves only itself")
  func quota() throws {
    let groups = [FlowGroup.Configuration(), .init(quota: 4 * 4096)]
    var allocator = try FrameAllocator(makeConfiguration(nodes: 16, groups: groups))
    expectEqual(exhaust(&allocator, group: FlowGroup(index: 1)).count, 4 * 64)
    expectEqual(exhaust(&allocator).count, 12 * 64)
    expect(allocator.allocate(byteCount: 64, group: FlowGroup(index: 2)) == nil)
    expect(allocator.allocate(byteCount: 64, group: FlowGroup(index: -1)) == nil)
    expectSound(allocator)
  }

  @Test("What a group is guaranteed nobody else gets, critical or not")
  func guarantee() throws {
    let groups = [FlowGroup.Configuration(), .init(guarantee: 5 * 4096)]
    var allocator = try FrameAllocator(makeConfiguration(nodes: 16, reserve: 1, groups: groups))
    expectEqual(exhaust(&allocator).count, 10 * 64)
    expectEqual(exhaust(&allocator, permission: .critical).count, 64)
    expectEqual(exhaust(&allocator, group: FlowGroup(index: 1)).count, 5 * 64)
  }

  @Test("A page has frames of one group, whatever comes and goes", arguments: [0, 1])
  func purity(order: Int) throws {
    let groups = [FlowGroup.Configuration](repeating: .init(), count: 6)
    var allocator = try FrameAllocator(
      makeConfiguration(nodes: 64, order: order, groups: groups))
    var random = SeededGenerator(seed: 5)
    var held: [(frame: UInt64, group: Int)] = []
    for round in 0..<20_000 {
      let group = Int.random(in: 0..<6, using: &random)
      if round % 5 < 3,
        let frame = allocator.allocate(
          byteCount: Int.random(in: 1...1518, using: &random), group: FlowGroup(index: group))
      {
        held.append((frame, group))
      } else if !held.isEmpty {
        let index = Int.random(in: 0..<held.count, using: &random)
        allocator.release(held[index].frame)
        held.swapAt(index, held.count - 1)
        held.removeLast()
      }
    }
    var owners: [UInt64: Int] = [:]
    for (frame, group) in held {
      #expect(owners[frame / 4096] ?? group == group)
      owners[frame / 4096] = group
    }
    expect(held.count > 100)
    expectSound(allocator)
  }

  @Test("Frames of an isolated group never share a page")
  func isolated() throws {
    let groups = [FlowGroup.Configuration(), .init(isIsolated: true)]
    var allocator = try FrameAllocator(makeConfiguration(nodes: 8, groups: groups))
    let group = FlowGroup(index: 1)
    var frames = try [64, 1500, 64].map {
      try unwrap(allocator.allocate(byteCount: $0, group: group))
    }
    while let slot = allocator.allocateSlot(group: group, custody: .received) {
      frames.append(slot)
    }
    expectEqual(frames.count, 8)
    expectEqual(Set(frames.map { $0 / 4096 }).count, 8)
    expect(allocator.trim(to: frames[3]..<frames[3] + 64) == nil)
    for frame in frames { expect(allocator.release(frame)) }
    expectEqual(allocator.ledger().free, 8 * 64)
    expectSound(allocator)
  }
}

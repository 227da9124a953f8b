import Expectations
import FrameAllocator
import Testing

/// Several workers over one memory: whoever lets go of a frame, its owner gets it back.
@Suite struct ForeignTests {
  @Test("Memory that one worker used up and released is another's to use")
  func burstMovesOn() throws {
    let pool = try FramePool(makeConfiguration(nodes: 256, workers: 2))
    var first = pool.makeAllocator(worker: 0)
    var second = pool.makeAllocator(worker: 1)
    let frames = exhaust(&first, byteCount: 1024)
    expectEqual(frames.count, 1024)
    expectEqual(exhaust(&second).count, 0)
    for frame in frames { first.release(frame) }
    let early = exhaust(&second, byteCount: 1024)
    // All but what one full magazine keeps.
    expect(early.count >= 1024 - 128)
    // The second worker's failure was noted: the first lets its caches go.
    first.collect()
    expect(early.count + exhaust(&second, byteCount: 1024).count >= 1024 * 95 / 100)
    expectSound(first)
  }

  @Test("Workers that take memory by turns have it far apart", arguments: [0, 2])
  func stretches(order: Int) throws {
    let pool = try FramePool(makeConfiguration(nodes: 1024 >> order, order: order, workers: 3))
    var first = pool.makeAllocator(worker: 0)
    var second = pool.makeAllocator(worker: 1)
    var third = pool.makeAllocator(worker: 2)
    // What two cache lines of the smallest table are about, which has a byte per page.
    let lineSize: UInt64 = 128 * 4096
    var lines = [Set<UInt64>](repeating: [], count: 3)
    for _ in 0..<500 {
      lines[0].insert(try unwrap(first.allocateSlot(custody: .held)) / lineSize)
      lines[1].insert(try unwrap(second.allocateSlot(custody: .held)) / lineSize)
      lines[2].insert(try unwrap(third.allocateSlot(custody: .held)) / lineSize)
    }
    expectEqual(lines[0].union(lines[1]).union(lines[2]).count, lines.reduce(0) { $0 + $1.count })
  }

  @Test("A frame released by another worker comes home, packed or slot, by any byte")
  func comesHome() throws {
    let pool = try FramePool(makeConfiguration(nodes: 8, workers: 2))
    var owner = pool.makeAllocator(worker: 0)
    var other = pool.makeAllocator(worker: 1)
    let packed = try unwrap(owner.allocate(byteCount: 700))
    let slot = try unwrap(owner.allocateSlot(custody: .received))
    let sent = try unwrap(owner.allocate(byteCount: 300))
    let sentSlot = try unwrap(owner.allocateSlot(custody: .held))
    other.reserveFlights(4)
    expect(other.dispatch(sent, to: 9))
    expect(other.dispatch(sentSlot, to: 9))
    expect(!other.complete(sent, from: 8))
    expect(other.complete(sent, from: 9))
    expect(other.complete(sentSlot, from: 9))
    expect(other.release(packed + 650))
    expect(other.release(slot + 300))
    other.collect()
    // Slots are free as soon as they are on their way, packed frames when they have come home.
    expectEqual(owner.ledger().free, 8 * 64 - 11 - 5)
    owner.collect()
    expectEqual(owner.ledger().free, 8 * 64)
    expectEqual(owner.refusalCount, 0)
    expectSound(owner)
    expectSound(other)
  }

  @Test("What comes home is given again at once, before any magazine is emptied for it")
  func isGivenAgain() throws {
    let pool = try FramePool(makeConfiguration(nodes: 8, workers: 2))
    var owner = pool.makeAllocator(worker: 0)
    var other = pool.makeAllocator(worker: 1)
    // All there is, but nothing was asked for in vain: then nothing would be cached.
    let frames = try (0..<32).map { _ in try unwrap(owner.allocate(byteCount: 1024)) }
    // Two neighbours come home last: in a page they would be one run, and not the best fit.
    let home = [frames[4], frames[20], frames[21]]
    for frame in home { expect(other.release(frame)) }
    other.collect()
    for frame in home.reversed() {
      expectEqual(try unwrap(owner.allocate(byteCount: 1024)), frame)
    }
    expectEqual(exhaust(&owner).count, 0)
    expectSound(owner)
  }

  @Test("However long the owner sleeps, nothing that is released is lost")
  func sleepingOwner() throws {
    let pool = try FramePool(makeConfiguration(nodes: 256, workers: 2))
    var owner = pool.makeAllocator(worker: 0)
    var other = pool.makeAllocator(worker: 1)
    let frames = exhaust(&owner)
    for frame in frames { expect(other.release(frame)) }
    while owner.ledger().free != 256 * 64 {
      let before = owner.ledger().free
      other.collect()
      owner.collect()
      guard owner.ledger().free > before else { return expect(false) }
    }
    expectEqual(exhaust(&owner, byteCount: 4096).count, 256)
    expectSound(owner)
  }
}

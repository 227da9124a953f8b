import Martlet

/// Whether the cost of an operation grows with the memory: the same work on the same number of
/// frames, in memory of different sizes.
final class GrowthContestant: Contestant {
  /// What is done.
  enum Work {
    /// 64 random frames go, as many come.
    case pair
    /// A packet is received into a slot, trimmed to 594 bytes and released.
    case settle
  }

  private var allocator: FrameAllocator
  private let work: Work
  private let held: Cells<UInt64>
  private let byteCount: Int
  private var cursor = 0

  let operations = 1024

  init(pages: Int, frames: Int, byteCount: Int = 64, _ work: Work) throws {
    allocator = try FrameAllocator(.init(byteCount: pages * 4096))
    self.work = work
    self.byteCount = byteCount
    held = Cells(repeating: 0, count: frames)
    for place in 0..<frames {
      guard let frame = allocator.allocate(byteCount: byteCount) else { throw NoMemory() }
      held[place] = frame
    }
    // In random order, so that one after the other lies anywhere in the memory.
    var random = Random(seed: 41)
    for place in 1..<frames {
      let other = random.below(place + 1)
      (held[place], held[other]) = (held[other], held[place])
    }
  }

  func slice() {
    switch work {
    case .pair:
      Self.replace(&allocator, held, byteCount, from: cursor, operations)
      cursor = (cursor &+ operations) % held.count
    case .settle: Self.settle(&allocator, operations)
    }
  }

  /// Nanoseconds per page of an audit, the least of a few.
  func auditPerPage(pages: Int) -> Double {
    let clock = ContinuousClock()
    let times = (0..<3).map { _ in
      clock.measure {
        let broken = allocator.audit()
        precondition(broken == nil, "\(broken ?? "")")
      }.nanoseconds
    }
    return (times.min() ?? 0) / Double(pages)
  }

  @inline(never)
  private static func replace(
    _ allocator: inout FrameAllocator, _ held: Cells<UInt64>, _ byteCount: Int, from start: Int,
    _ count: Int
  ) {
    var cursor = start
    for _ in 0..<count / 64 {
      if cursor &+ 64 > held.count { cursor = 0 }
      for place in cursor..<cursor &+ 64 { allocator.release(held[place]) }
      // The last released comes first: each place gets its frame back.
      for place in (cursor..<cursor &+ 64).reversed() {
        held[place] = allocator.allocate(byteCount: byteCount) ?? 0
      }
      cursor &+= 64
    }
  }

  @inline(never)
  private static func settle(_ allocator: inout FrameAllocator, _ count: Int) {
    for _ in 0..<count {
      guard let slot = allocator.allocateSlot(custody: .received),
        let frame = allocator.trim(to: slot + 256..<slot + 256 + 594)
      else { return }
      allocator.release(frame)
    }
  }
}

import Martlet

/// Whether the cost of an operation grows with the memory: the same work on the same number of
/// frames, in memory of different sizes.
final class GrowthContestant: Contestant {
  /// What is done.
  enum Work {
    /// A random frame goes, another comes.
    case pair
    /// A packet is received into a slot, trimmed to 594 bytes and released.
    case settle
  }

  private var allocator: FrameAllocator
  private let work: Work
  private let held: Cells<UInt64>
  private let places: Cells<UInt32>
  private let byteCount: Int
  private var cursor = 0

  let operations = 1024

  init(pages: Int, frames: Int, byteCount: Int = 64, _ work: Work) throws {
    allocator = try FrameAllocator(.init(byteCount: pages * 4096))
    self.work = work
    self.byteCount = byteCount
    held = Cells(repeating: 0, count: frames)
    places = Cells(repeating: 0, count: 1 << 20)
    for place in 0..<frames {
      guard let frame = allocator.allocate(byteCount: byteCount) else { throw NoMemory() }
      held[place] = frame
    }
    var random = Random(seed: 41)
    for place in 0..<places.count { places[place] = UInt32(random.below(frames)) }
  }

  func slice() {
    switch work {
    case .pair: Self.replace(&allocator, held, places, byteCount, from: cursor, operations)
    case .settle: Self.settle(&allocator, operations)
    }
    cursor &+= operations
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
    _ allocator: inout FrameAllocator, _ held: Cells<UInt64>, _ places: Cells<UInt32>,
    _ byteCount: Int, from start: Int, _ count: Int
  ) {
    var cursor = start
    while cursor != start &+ count {
      let place = Int(truncatingIfNeeded: places[cursor & (places.count &- 1)])
      allocator.release(held[place])
      held[place] = allocator.allocate(byteCount: byteCount) ?? 0
      cursor &+= 1
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

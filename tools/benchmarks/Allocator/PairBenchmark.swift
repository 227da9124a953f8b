import Martlet

/// A frame given and one taken back, as a program does it that holds packets for a while: of 8,192
/// held frames the 64 oldest go, then 64 new ones come.
final class PairContestant<Source: FrameSource & ~Copyable>: Contestant {
  private var source: Source
  private let held: Cells<UInt64>
  private let lengths: Cells<UInt16>
  private var cursor = 0

  let operations = 4096
  private static var batch: Int { 64 }

  init(_ source: consuming Source, lengths: Cells<UInt16>, held count: Int = 8192) {
    self.source = source
    self.lengths = lengths
    held = Cells(repeating: 0, count: count)
    for place in 0..<count {
      guard let frame = self.source.give(Int(lengths[place])) else { fatalError("no memory") }
      held[place] = frame
    }
  }

  func slice() {
    Self.churn(&source, held, lengths, from: cursor, operations)
    cursor &+= operations
  }

  @inline(never)
  private static func churn(
    _ source: inout Source, _ held: Cells<UInt64>, _ lengths: Cells<UInt16>, from start: Int,
    _ count: Int
  ) {
    // Both are a multiple of the batch long, so that a batch never wraps.
    var cursor = start
    while cursor != start &+ count {
      let first = cursor & (held.count &- 1)
      let end = first &+ batch
      var place = first
      while place != end {
        source.takeBack(held[place])
        place &+= 1
      }
      let ahead = (cursor & (lengths.count &- 1)) &- first
      place = first
      while place != end {
        held[place] = source.give(Int(lengths[place &+ ahead])) ?? 0
        place &+= 1
      }
      cursor &+= batch
    }
  }
}

/// Allocations at their worst: one granule each out of memory that is otherwise wholly free.
///
/// Of all lists only the last has anything, and no cache serves them. Only they are timed.
final class WorstContestant<Source: FrameSource & ~Copyable>: Contestant {
  private var source: Source
  private let frames: Cells<UInt64>
  private var count = 0

  let operations = 48

  init(_ source: consuming Source) {
    self.source = source
    frames = Cells(repeating: 0, count: operations)
  }

  func prepare() {
    for place in 0..<count { source.takeBack(frames[place]) }
    count = 0
  }

  func slice() {
    Self.allocate(&source, frames)
    count = operations
  }

  @inline(never)
  private static func allocate(_ source: inout Source, _ frames: Cells<UInt64>) {
    var place = 0
    while place != frames.count {
      frames[place] = source.give(64) ?? 0
      place &+= 1
    }
  }
}

/// Allocations that no cache serves, out of memory full of holes: only the allocations are timed.
final class HolesContestant: Contestant {
  private var allocator: FrameAllocator
  private let lengths: Cells<UInt16>
  private let held: Cells<UInt64>
  private var heldCount = 0
  private var cursor = 0
  private var random = Random(seed: 31)

  let operations = 512

  init(order: Int, lengths: Cells<UInt16>) throws {
    var configuration = FrameAllocator.Configuration(byteCount: 16 << 20)
    configuration.nodeOrder = order
    configuration.magazineDepth = 0
    allocator = try FrameAllocator(configuration)
    self.lengths = lengths
    held = Cells(repeating: 0, count: 8192)
    while heldCount < held.count { take() }
  }

  func prepare() {
    while heldCount > held.count - operations {
      let place = random.below(heldCount)
      heldCount -= 1
      allocator.release(held[place])
      held[place] = held[heldCount]
    }
  }

  func slice() {
    while heldCount != held.count { take() }
  }

  private func take() {
    held[heldCount] = allocator.allocate(byteCount: Int(lengths[cursor & (lengths.count - 1)])) ?? 0
    heldCount &+= 1
    cursor &+= 1
  }
}

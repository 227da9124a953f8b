import Martlet

/// How much of the memory packets take that are held.
///
/// What comes and goes is exact, so these figures do not depend on the machine.
struct Held {
  /// Packets held.
  var count: Int
  /// How often each is replaced, on average.
  var rounds: Int

  /// Bytes of memory per packet, each in a frame of its own length, after random replacement.
  func ours(_ mix: Mix, order: Int = 0) throws -> Double {
    var configuration = FrameAllocator.Configuration(
      byteCount: count * max(4096, largest(mix) * 2))
    configuration.nodeOrder = order
    var allocator = try FrameAllocator(configuration)
    replace(&allocator, mix)
    return Double(allocator.nodeCount(of: .shared) * (4096 << order)) / Double(count)
  }

  /// The same with the 2006 algorithm.
  func tree(_ mix: Mix, order: Int = 0) -> Double {
    var tree = Tree2006(nodes: count >> order, order: order)
    replace(&tree, mix)
    return Double(tree.usedNodeCount * (4096 << order)) / Double(count)
  }

  /// The same where every length is rounded up to a power of two, with no loss at page ends.
  static func powerOfTwo(_ mix: Mix) -> Double {
    var random = Random(seed: 77)
    let count = 50_000
    let sum = (0..<count).reduce(0) { sum, _ in sum + roundedUp(mix.next(&random)) }
    return Double(sum) / Double(count)
  }

  /// The least power of two, at least 32, that holds so many bytes.
  static func roundedUp(_ byteCount: Int) -> Int {
    var size = 32
    while size < byteCount { size *= 2 }
    return size
  }

  /// Bytes of the longest packet.
  private func largest(_ mix: Mix) -> Int {
    if case .fixed(let byteCount) = mix { byteCount } else { 1518 }
  }

  private func replace<Source: FrameSource & ~Copyable>(_ source: inout Source, _ mix: Mix) {
    var random = Random(seed: 77)
    let frames = Cells<UInt64>(repeating: 0, count: count)
    for place in 0..<count { frames[place] = source.give(mix.next(&random)) ?? 0 }
    for _ in 0..<rounds * count {
      let place = random.below(count)
      source.takeBack(frames[place])
      frames[place] = source.give(mix.next(&random)) ?? 0
    }
  }
}

/// Packets that stay where they were received, in slots that are posted by the thousand.
struct HeldInPlace {
  var isUnaligned: Bool
  /// Packets of at most so many bytes are copied into a frame of their length, and the slot is
  /// posted again.
  var copybreak: Int
  /// Packets that arrive.
  var arrivals: Int
  var magazineDepth = 128

  private static let posted = 1024
  private static let held = 20_000
  private static let headroom: UInt64 = 256

  /// Bytes of memory per held packet, without the slots that are posted.
  ///
  /// Packets leave in order, but for one in ten.
  func bytes(_ mix: Mix) throws -> Double {
    var configuration = FrameAllocator.Configuration(byteCount: 60_000 * 4096)
    configuration.isUnaligned = isUnaligned
    configuration.magazineDepth = magazineDepth
    var allocator = try FrameAllocator(configuration)
    var random = Random(seed: 5)
    var slots: [UInt64] = []
    while slots.count < Self.posted { slots.append(try post(&allocator)) }
    let queue = Cells<UInt64>(repeating: 0, count: arrivals)
    var first = 0
    var sum = 0.0
    var samples = 0.0
    for arrival in 0..<arrivals {
      let place = arrival % Self.posted
      queue[arrival] = try settle(&allocator, &slots[place], mix.next(&random))
      guard arrival - first >= Self.held else { continue }
      // One in ten goes out of turn.
      let chosen = random.below(10) == 0 ? first + random.below(arrival - first) : first
      allocator.release(queue[chosen])
      queue[chosen] = queue[first]
      first += 1
      if arrival > arrivals / 2, arrival % 1000 == 0 {
        let bytes = allocator.nodeCount(of: .shared) * 4096 - Self.posted * 2048
        sum += Double(bytes) / Double(Self.held)
        samples += 1
      }
    }
    return sum / samples
  }

  private func post(_ allocator: inout FrameAllocator) throws -> UInt64 {
    guard let slot = allocator.allocateSlot(custody: .fill(0)) else { throw NoMemory() }
    return slot
  }

  /// Gives a packet that arrived in `slot` its final place, and posts a slot for the next one.
  private func settle(
    _ allocator: inout FrameAllocator, _ slot: inout UInt64, _ byteCount: Int
  ) throws -> UInt64 {
    guard byteCount > copybreak else {
      // The smallest hole of all, in front of what a magazine has.
      guard
        let frame = allocator.allocateDenser(than: slot, byteCount: byteCount)
          ?? allocator.allocate(byteCount: byteCount)
      else { throw NoMemory() }
      return frame
    }
    let packet = slot + Self.headroom..<slot + Self.headroom + UInt64(byteCount)
    guard allocator.transfer(slotAt: slot, from: .fill(0), to: .received),
      let frame = allocator.trim(to: packet)
    else { throw NoMemory() }
    slot = try post(&allocator)
    return frame
  }
}

/// Bytes that a packet of 9,014 bytes takes in three chunks of 4,096, of which the last is trimmed.
func heldJumbo(count: Int) throws -> Double {
  var allocator = try FrameAllocator(.init(byteCount: (3 * count + 64) * 4096, chunkSize: 4096))
  for _ in 0..<count {
    var left = 9014
    while left > 0 {
      guard let slot = allocator.allocateSlot(custody: .received) else { throw NoMemory() }
      let byteCount = min(left, 4096 - 256)
      left -= byteCount
      if left == 0, allocator.trim(to: slot + 256..<slot + 256 + UInt64(byteCount)) == nil {
        throw NoMemory()
      }
    }
  }
  let ledger = allocator.ledger()
  return Double((ledger.held + ledger.received) * FrameAllocator.granule) / Double(count)
}

/// The memory of a benchmark is too small for it: a mistake in the benchmark.
struct NoMemory: Error {}

extension Held {
  /// Bytes of memory per packet of 9,014 bytes in one frame each, in nodes of 2^`order` pages.
  ///
  /// So many that they fill whole nodes.
  static func jumbo(order: Int) throws -> Double {
    try Held(count: 23_200, rounds: 0).ours(.fixed(9014), order: order)
  }
}

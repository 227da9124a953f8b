import Martlet

/// How full the memory is, as requested bytes over all bytes, when random lengths no longer fit.
struct Fill {
  /// At the first failure.
  var first = 0.0
  /// At the end: after the last failure, or on average over the last tenth of the operations.
  var last = 0.0
  /// Failures over operations.
  var failures = 0.0
}

/// What hands out memory by sums alone: every frame rounded up, no frame in the way of another.
struct Rounded: FrameSource {
  private var left: Int
  private let round: @Sendable (Int) -> Int

  init(byteCount: Int, _ round: @escaping @Sendable (Int) -> Int) {
    left = byteCount
    self.round = round
  }

  mutating func give(_ byteCount: Int) -> UInt64? {
    let size = round(byteCount)
    guard size <= left else { return nil }
    left -= size
    return UInt64(size)
  }

  mutating func takeBack(_ frame: UInt64) { left += Int(frame) }

  /// Chunks of one size, several for a longer packet.
  static func chunks(_ size: Int, of byteCount: Int) -> Rounded {
    Rounded(byteCount: byteCount) { ($0 + size - 1) / size * size }
  }
}

/// Polyakov's run of August 2006: frames of random lengths up to 4,096 are allocated until one does
/// not fit; then the limit is halved, three times.
func fillAtRandom<Source: FrameSource & ~Copyable>(
  _ source: consuming Source, pages: Int, seed: UInt64
) -> Fill {
  var random = Random(seed: seed)
  var requested = 0
  var fill = Fill()
  for limit in [4096, 2048, 1024, 512] {
    while true {
      let byteCount = Mix.upTo(limit).next(&random)
      guard source.give(byteCount) != nil else { break }
      requested += byteCount
    }
    fill.last = Double(requested) / Double(pages * 4096)
    if limit == 4096 { fill.first = fill.last }
  }
  return fill
}

/// Zijlstra's challenge of August 2006: 19, 37 and 79 units of 32 bytes in equal shares; the memory
/// is filled, then a random frame goes and another comes, for long.
func fillAwkwardly<Source: FrameSource & ~Copyable>(
  _ source: inout Source, pages: Int, operations: Int, seed: UInt64
) -> Fill {
  var random = Random(seed: seed)
  var held: [(frame: UInt64, byteCount: Int)] = []
  held.reserveCapacity(pages * 8)
  var requested = 0
  var failures = 0
  func hold(_ byteCount: Int) -> Bool {
    guard let frame = source.give(byteCount) else { return false }
    held.append((frame, byteCount))
    requested += byteCount
    return true
  }
  while hold(Mix.awkward.next(&random)) {}
  var fill = Fill(first: Double(requested) / Double(pages * 4096))
  var sum = 0
  for operation in 0..<operations {
    let place = random.below(held.count)
    requested -= held[place].byteCount
    source.takeBack(held[place].frame)
    held.swapAt(place, held.count - 1)
    held.removeLast()
    if !hold(Mix.awkward.next(&random)) { failures += 1 }
    if operation >= operations / 10 * 9 { sum += requested }
  }
  // The mix of the moment makes a single look uncertain by half a per cent.
  fill.last = Double(sum) / Double(operations / 10) / Double(pages * 4096)
  fill.failures = Double(failures) / Double(operations)
  return fill
}

/// Who is measured by both runs.
enum FillSubject: String, CaseIterable, Sendable {
  case ours = "Martlet"
  case tree = "2006 algorithm"
  case powerOfTwo = "power of two, ideal"
  case chunks2048 = "2,048 B chunks"
  case chunks4096 = "4,096 B chunks"

  /// Polyakov's run on 4,094 pages.
  func random(seed: UInt64 = 7) throws -> Fill {
    let pages = 4094
    switch self {
    case .ours:
      return fillAtRandom(
        try FrameAllocator(.init(byteCount: pages * 4096)), pages: pages, seed: seed)
    case .tree: return fillAtRandom(Tree2006(nodes: pages, order: 0), pages: pages, seed: seed)
    default: return fillAtRandom(rounded(pages), pages: pages, seed: seed)
    }
  }

  /// Zijlstra's run in nodes of 2^`order` pages.
  func awkward(order: Int, operations: Int, seed: UInt64 = 9) throws -> Fill {
    let pages = (4094 >> order) << order
    switch self {
    case .ours:
      var configuration = FrameAllocator.Configuration(byteCount: pages * 4096)
      configuration.nodeOrder = order
      var allocator = try FrameAllocator(configuration)
      return fillAwkwardly(&allocator, pages: pages, operations: operations, seed: seed)
    case .tree:
      var tree = Tree2006(nodes: pages >> order, order: order)
      return fillAwkwardly(&tree, pages: pages, operations: operations, seed: seed)
    default:
      var sums = rounded(pages)
      return fillAwkwardly(&sums, pages: pages, operations: operations, seed: seed)
    }
  }

  private func rounded(_ pages: Int) -> Rounded {
    switch self {
    case .chunks2048: .chunks(2048, of: pages * 4096)
    case .chunks4096: .chunks(4096, of: pages * 4096)
    default: Rounded(byteCount: pages * 4096, Held.roundedUp)
    }
  }
}

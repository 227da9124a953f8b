import Expectations
import FrameAllocator
import MartletTestKit
import Testing

/// How much of the memory is packets: the experiments that were published for this kind of
/// allocator, and what packets that are held for long take.
@Suite struct FragmentationTests {
  /// One byte size in proportion to the packets of a mix: 64, 594 and 1,518 bytes in 7:4:1.
  private static let mix = [64, 64, 64, 64, 64, 64, 64, 594, 594, 594, 594, 1518]

  @Test("Random sizes up to a page fill 96.5 % of the memory before the first failure")
  func randomSizes() throws {
    let pages = 4094
    var allocator = try FrameAllocator(makeConfiguration(nodes: pages))
    var random = SeededGenerator(seed: 7)
    var requested = 0
    while true {
      let byteCount = Int.random(in: 1...4096, using: &random)
      guard allocator.allocate(byteCount: byteCount) != nil else { break }
      requested += byteCount
    }
    expect(Double(requested) >= 0.965 * Double(pages * 4096))
  }

  @Test(
    "Three awkward sizes in equal shares keep the memory full however long they come and go",
    arguments: [(0, 0.87), (3, 0.93)])
  func awkwardSizes(order: Int, share: Double) throws {
    let nodes = 4094 >> order
    let operations = isNightly ? 5_000_000 : 500_000
    var allocator = try FrameAllocator(makeConfiguration(nodes: nodes, order: order))
    var random = SeededGenerator(seed: 9)
    var held: [(frame: UInt64, byteCount: Int)] = []
    var requested = 0
    var failures = 0
    func next() -> Int { [608, 1184, 2528].randomElement(using: &random) ?? 0 }
    func hold(_ byteCount: Int) -> Bool {
      guard let frame = allocator.allocate(byteCount: byteCount) else { return false }
      held.append((frame, byteCount))
      requested += byteCount
      return true
    }
    while hold(next()) {}
    var sum = 0
    for operation in 0..<operations {
      let index = Int.random(in: 0..<held.count, using: &random)
      requested -= held[index].byteCount
      expect(allocator.release(held[index].frame))
      held.swapAt(index, held.count - 1)
      held.removeLast()
      if !hold(next()) { failures += 1 }
      if operation >= operations / 10 * 9 { sum += requested }
    }
    // The mix of the moment makes a single look uncertain by half a per cent.
    expect(Double(sum) >= share * Double(operations / 10 * nodes * (4096 << order)))
    // The first failures settle how many frames there are; a long run has few.
    expect(failures * (isNightly ? 10_000 : 1_000) <= operations)
    expectSound(allocator)
  }

  @Test(
    "Held packets take little more than their bytes",
    arguments: [(0, "mix", 400), (0, "small", 66), (1, "large", 1640), (3, "large", 1570)])
  func held(order: Int, kind: String, limit: Int) throws {
    let count = isNightly ? 50_000 : 10_000
    var allocator = try FrameAllocator(
      makeConfiguration(nodes: (3 * count / 5) >> order, order: order))
    var random = SeededGenerator(seed: 77)
    func next() -> Int {
      switch kind {
      case "mix": Self.mix.randomElement(using: &random) ?? 0
      case "small": 64
      default: 1518
      }
    }
    var frames = try (0..<count).map { _ in try unwrap(allocator.allocate(byteCount: next())) }
    for _ in 0..<20 * count {
      let index = Int.random(in: 0..<count, using: &random)
      allocator.release(frames[index])
      frames[index] = try unwrap(allocator.allocate(byteCount: next()))
    }
    expect(allocator.nodeCount(of: .shared) * (4096 << order) <= limit * count)
  }
}

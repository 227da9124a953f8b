import Martlet

/// Packets of many flows, held packed: each flow in a group of its own, or all in one.
struct Flows {
  /// Whose granule each is: one page after the other, 64 granules each; -1 is nobody's.
  private(set) var owners: [[Int]] = []
  /// Pages that the allocator's groups have, whether packets are on them or not.
  private(set) var nodeCount = 0
  private let flowCount: Int

  /// Holds the packets of every flow; then `rounds` times over the oldest of all goes and another
  /// of its flow comes.
  init(flows: Int, held: Int, rounds: Int, isExclusive: Bool) throws {
    flowCount = flows
    let groups = isExclusive ? flows : 1
    var allocator = try FrameAllocator(
      .init(
        byteCount: flows * held * 1024,
        groups: .init(repeating: FlowGroup.Configuration(), count: groups)))
    var random = Random(seed: 23)
    var frames: [(frame: UInt64, byteCount: Int)] = []
    func next(_ flow: Int) throws -> (frame: UInt64, byteCount: Int) {
      let byteCount = Mix.imix.next(&random)
      let group = FlowGroup(index: isExclusive ? flow : 0)
      guard let frame = allocator.allocate(byteCount: byteCount, group: group) else {
        throw NoMemory()
      }
      return (frame, byteCount)
    }
    // Packets of all flows arrive in turn.
    for place in 0..<flows * held { frames.append(try next(place % flows)) }
    for operation in 0..<flows * held * rounds {
      let place = operation % frames.count
      allocator.release(frames[place].frame)
      frames[place] = try next(place % flows)
    }
    for group in 0..<groups { nodeCount += allocator.nodeCount(of: FlowGroup(index: group)) }
    note(frames)
  }

  private mutating func note(_ frames: [(frame: UInt64, byteCount: Int)]) {
    let last = frames.map { Int($0.frame) / 4096 }.max() ?? 0
    owners = .init(repeating: .init(repeating: -1, count: 64), count: last + 1)
    for (place, frame) in frames.enumerated() {
      let first = Int(frame.frame) / 64
      for granule in first..<first + (frame.byteCount + 63) / 64 {
        owners[granule / 64][granule % 64] = place % flowCount
      }
    }
  }

  /// The flows on each page that has any.
  private var flowsByPage: [Set<Int>] {
    owners.map { Set($0).subtracting([-1]) }.filter { !$0.isEmpty }
  }

  /// Pages that a flow's packets lie on, on average.
  var pagesPerFlow: Double {
    Double(flowsByPage.reduce(0) { $0 + $1.count }) / Double(flowCount)
  }

  /// Pages with packets of one flow alone, over all pages with packets.
  var purity: Double {
    let pages = flowsByPage
    return Double(pages.count { $0.count == 1 }) / Double(pages.count)
  }
}

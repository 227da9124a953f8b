import Expectations
import FrameAllocator
import MartletTestKit
import Testing

/// Frames that lie across no multiple of a chunk or a page, as the kernel wants them.
@Suite struct BoundaryTests {
  private func configuration(
    nodes: Int, order: Int = 0, boundary: Int?, isUnaligned: Bool = false,
    groups: [FlowGroup.Configuration] = [.init()]
  ) -> FrameAllocator.Configuration {
    var configuration = makeConfiguration(nodes: nodes, order: order, groups: groups)
    configuration.boundary = boundary
    configuration.isUnaligned = isUnaligned
    return configuration
  }

  /// Bytes of memory per frame once packets of these lengths fill it, frames coming and going.
  private func bytesPerFrame(_ lengths: [Int], order: Int, boundary: Int?) throws -> Double {
    let size = 1 << 21
    var allocator = try FrameAllocator(
      configuration(nodes: size >> (12 + order), order: order, boundary: boundary))
    var random = SeededGenerator(seed: 7)
    var frames: [UInt64] = []
    var counts: [Int] = []
    while counts.count < 8 {
      // Full, then an eighth of them goes.
      while let frame = allocator.allocate(byteCount: lengths[Int(random.next() % 12)]) {
        if let boundary, let extent = allocator.extent(of: frame) {
          expectEqual(
            Int(extent.lowerBound) / boundary, (Int(extent.upperBound) - 1) / boundary)
        }
        frames.append(frame)
      }
      counts.append(frames.count)
      for _ in 0..<frames.count / 8 {
        frames.swapAt(Int(random.next() % UInt64(frames.count)), frames.count - 1)
        if let frame = frames.popLast() { expect(allocator.release(frame)) }
      }
    }
    expectSound(allocator)
    return Double(size * counts.count) / Double(counts.reduce(0, +))
  }

  @Test(
    "Packets lie nearly as dense in halves of pages as in whole ones, and across no middle",
    arguments: [0, 2])
  func density(order: Int) throws {
    let packets = [64, 64, 64, 64, 64, 64, 64, 594, 594, 594, 594, 1518]
    let free = try bytesPerFrame(packets, order: order, boundary: nil)
    let bound = try bytesPerFrame(packets, order: order, boundary: 2048)
    // 384 and 383 bytes, 397 and 401 in chunks.
    expect(bound < free * 1.05)
  }

  @Test("A page that is free holds a frame in each half, and a page of an isolated group")
  func halves() throws {
    let groups: [FlowGroup.Configuration] = [.init(), .init(isIsolated: true)]
    for order in [0, 1, 3] {
      var allocator = try FrameAllocator(
        configuration(nodes: 2, order: order, boundary: 2048, groups: groups))
      expectEqual(allocator.maximumFrame, 2048)
      expect(allocator.allocate(byteCount: 2049) == nil)
      let isolated = try unwrap(allocator.allocate(byteCount: 65, group: FlowGroup(index: 1)))
      expectEqual(isolated % 4096, 0)
      expectEqual(allocator.ledger().held, 64)
      let rest = exhaust(&allocator, byteCount: 2048)
      expectEqual(rest.count, 2 << order)
      expectSound(allocator)
      for frame in rest + [isolated] { expect(allocator.release(frame)) }
      expectEqual(exhaust(&allocator, byteCount: 1088).count, 4 << order)
      expectSound(allocator)
    }
  }

  @Test("A hole in the middle of a page counts as two")
  func middle() throws {
    var configuration = configuration(nodes: 1, boundary: 2048)
    configuration.magazineDepth = 0
    var allocator = try FrameAllocator(configuration)
    let frames = try (0..<4).map { _ in try unwrap(allocator.allocate(byteCount: 1024)) }
    expect(allocator.release(frames[1]))
    expect(allocator.release(frames[2]))
    // 2,048 bytes in one piece, with the boundary in their middle.
    expect(allocator.allocate(byteCount: 1025) == nil)
    expect(allocator.allocateSlot(custody: .held) == nil)
    expectEqual(exhaust(&allocator, byteCount: 1024).count, 2)
    expectSound(allocator)
  }

  @Test("Where the device sees pages apart, no frame or slot leaves its page", arguments: [1, 3])
  func pages(order: Int) throws {
    var allocator = try FrameAllocator(
      configuration(nodes: 16 >> order, order: order, boundary: 4096, isUnaligned: true))
    expectEqual(allocator.maximumFrame, 4096)
    // Without the boundary five of them take two pages.
    expectEqual(exhaust(&allocator, byteCount: 1600).count, 16 * 2)
    expectEqual(exhaust(&allocator, byteCount: 896).count, 16)
    expectSound(allocator)
  }

  @Test("A boundary that slots would lie across is refused by name")
  func refused() throws {
    for (boundary, chunkSize, isUnaligned) in [
      (1024, 2048, false), (8192, 4096, false), (2048, 4096, false), (2048, 2048, true),
    ] {
      var wrong = configuration(nodes: 2, boundary: boundary, isUnaligned: isUnaligned)
      wrong.chunkSize = chunkSize
      #expect(
        throws: FrameAllocatorError.boundary(
          boundary, chunkSize: chunkSize, isUnaligned: isUnaligned)
      ) { try FramePool(wrong) }
    }
  }
}

import Expectations
import FrameAllocator
import Testing

/// Frames of any length stand close together, and the holes they leave are whole again.
@Suite struct PackingTests {
  @Test("A frame takes its length rounded up to 64 bytes, whatever it is", arguments: [0, 3])
  func rounding(order: Int) throws {
    for byteCount in [1, 63, 64, 65, 594, 1518, 2048, 4096] {
      var allocator = try FrameAllocator(makeConfiguration(nodes: 8, order: order))
      let frame = try unwrap(allocator.allocate(byteCount: byteCount))
      expectEqual(allocator.ledger().held, (byteCount + 63) / 64)
      expect(allocator.extent(of: frame) == frame..<frame + UInt64((byteCount + 63) / 64 * 64))
    }
  }

  @Test("A jumbo packet of 9,014 bytes is held in one frame of 9,024")
  func jumbo() throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 4, order: 2))
    expect(allocator.allocate(byteCount: 9014) != nil)
    expectEqual(allocator.ledger().held * 64, 9024)
    expect(allocator.allocate(byteCount: 16_385) == nil)
  }

  @Test("64-byte frames fill pages to the last granule", arguments: [0, 1, 2, 3, 9])
  func full(order: Int) throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 2, order: order))
    let frames = exhaust(&allocator)
    expectEqual(Set(frames).count, 2 * (64 << order))
    expectEqual(frames.count, 2 * (64 << order))
    expectSound(allocator)
  }

  @Test("Three neighbours released in any order are one hole again")
  func neighbours() throws {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      var configuration = makeConfiguration(nodes: 1)
      configuration.magazineDepth = 0
      var allocator = try FrameAllocator(configuration)
      let frames = try [120, 200, 70].map { try unwrap(allocator.allocate(byteCount: $0)) }
      for number in order { expect(allocator.release(frames[number])) }
      expect(allocator.allocate(byteCount: 4096) != nil)
    }
  }

  @Test("Any byte of a frame names it, and no byte beside it", arguments: [0, 2])
  func interior(order: Int) throws {
    var configuration = makeConfiguration(nodes: 2, order: order)
    configuration.trapsOnMisuse = false
    for byteCount in [64, 700, 2048, 4096] {
      for offset in stride(from: 0, to: (byteCount + 63) / 64 * 64, by: 1) {
        var allocator = try FrameAllocator(configuration)
        let frame = try unwrap(allocator.allocate(byteCount: byteCount))
        expect(!allocator.release(frame + UInt64((byteCount + 63) / 64 * 64)))
        expect(allocator.release(frame + UInt64(offset)))
        expect(!allocator.release(frame + UInt64(offset)))
        expectEqual(allocator.refusalCount, 2)
      }
    }
  }

  @Test("What a cache keeps never stands in the way of a longer frame")
  func cachesNeverPin() throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 16))
    for byteCount in [64, 640, 1500] {
      for frame in exhaust(&allocator, byteCount: byteCount) { allocator.release(frame) }
    }
    while let slot = allocator.allocateSlot(custody: .held) { _ = slot }
    for window in 0..<allocator.chunkCount { allocator.release(UInt64(window) * 2048) }
    expectEqual(exhaust(&allocator, byteCount: 4096).count, 16)
    expectSound(allocator)
  }

  @Test("A frame is moved only to a fuller page than its own")
  func denser() throws {
    var configuration = makeConfiguration(nodes: 2)
    configuration.magazineDepth = 0
    var allocator = try FrameAllocator(configuration)
    let filler = try unwrap(allocator.allocate(byteCount: 4096 - 640))
    let lonely = try unwrap(allocator.allocate(byteCount: 1280))
    let target = try unwrap(allocator.allocateDenser(than: lonely, byteCount: 640))
    expectEqual(target / 4096, filler / 4096)
    expect(allocator.allocateDenser(than: filler, byteCount: 64) == nil)
  }

  @Test("A trimmed slot leaves its rest to others, and keeps none of it")
  func trim() throws {
    var configuration = makeConfiguration(nodes: 1)
    configuration.magazineDepth = 0
    var allocator = try FrameAllocator(configuration)
    let slot = try unwrap(allocator.allocateSlot(custody: .received))
    expectEqual(allocator.trim(to: slot + 256..<slot + 256 + 594), slot + 256)
    expectEqual(allocator.ledger().held, 10)
    expectEqual(allocator.ledger().received, 0)
    expect(allocator.trim(to: slot + 256..<slot + 2048) == nil)
    expectEqual(exhaust(&allocator).count, 54)
    expectSound(allocator)
  }
}

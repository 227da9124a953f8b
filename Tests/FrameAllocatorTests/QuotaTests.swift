import Expectations
import Testing

@testable import FrameAllocator

@Suite struct QuotaTests {
  @Test("A group that stands at its quota leaves the others what they have ready")
  func othersKeepTheirMagazines() throws {
    var allocator = try FrameAllocator(
      .init(byteCount: 1 << 20, groups: [.init(), .init(quota: 4096), .init()]))
    let other = FlowGroup(index: 2)
    var frames: [UInt64] = []
    for _ in 0..<64 {
      if let frame = allocator.allocate(byteCount: 512, group: other) { frames.append(frame) }
    }
    expectEqual(frames.count, 64)
    for frame in frames { expect(allocator.release(frame)) }
    let ready = (1...Magazines.longest).reduce(0) { $0 + allocator.magazines.count(2, $1) }
    expect(ready > 0)
    var held = 0
    while allocator.allocate(byteCount: 512, group: FlowGroup(index: 1)) != nil { held += 1 }
    expectEqual(held, 8)
    for _ in 0..<10 {
      expect(allocator.allocate(byteCount: 512, group: FlowGroup(index: 1)) == nil)
    }
    let after = (1...Magazines.longest).reduce(0) { $0 + allocator.magazines.count(2, $1) }
    expectEqual(after, ready)
    expectEqual(allocator.audit(), nil)
  }
}

import Expectations
import MartletTestKit
import Testing

@testable import FrameAllocator

/// What stands about a page: whose a granule is, and how long a frame.
@Suite struct PageTests {
  @Test("The length of a frame is where the next begins, or where granules are free")
  func lengths() {
    for start in 0..<Page.granules {
      for length in 1...Page.granules - start {
        var page = Page()
        page.inside = Runs.mask(at: start, count: length) & ~(1 << UInt64(start))
        expectEqual(page.length(at: start), length)
        // What comes before and behind belongs to other frames.
        if start > 1 { page.inside |= ~0 >> UInt64(64 - start) }
        if start + length < 62 { page.inside |= ~0 << UInt64(start + length + 1) }
        expectEqual(page.length(at: start), length)
      }
    }
  }

  @Test("A frame that waits in a magazine is nobody's and cannot be released again")
  func cachedFramesAreRefused() throws {
    var configuration = makeConfiguration(nodes: 64)
    configuration.trapsOnMisuse = false
    var allocator = try FrameAllocator(configuration)
    // Two pages full: what is released waits in a magazine while its neighbours are held.
    let frames = try (0..<128).map { _ in try unwrap(allocator.allocate(byteCount: 64)) }
    let released = frames.enumerated().filter { $0.offset % 3 != 1 }.map(\.element)
    for (count, frame) in released.enumerated() {
      expectEqual(allocator.custody(of: frame), .held)
      expect(allocator.release(frame))
      expectEqual(allocator.custody(of: frame), .free)
      expect(!allocator.release(frame))
      expect(!allocator.dispatch(frame, to: 0))
      expect(allocator.extent(of: frame) == nil)
      expectEqual(allocator.refusalCount, count + 1)
      expectEqual(allocator.share().ready, count + 1)
    }
    expectSound(allocator)
    for frame in released.reversed() {
      expectEqual(allocator.allocate(byteCount: 64), frame)
      expectEqual(allocator.custody(of: frame), .held)
      expectEqual(allocator.extent(of: frame), frame..<frame + 64)
    }
    expectSound(allocator)
    for frame in frames { expect(allocator.release(frame + 63)) }
    expectEqual(allocator.ledger().held, 0)
    expectSound(allocator)
  }

  @Test("An audit names what is wrong in the tables", arguments: 0..<6)
  func auditNamesWhatIsWrong(fault: Int) throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 64))
    // A full page: a frame that is kept, another, and one that waits in a magazine.
    let kept = try unwrap(allocator.allocate(byteCount: 3 * 64))
    expect(allocator.allocate(byteCount: 60 * 64) != nil)
    let last = try unwrap(allocator.allocate(byteCount: 64))
    let open = try unwrap(allocator.allocate(byteCount: 2 * 64))
    expect(allocator.release(last))
    expectSound(allocator)
    let (page, other, next) = (Int(kept >> 12), Int(last >> 6), Int(open >> 12))
    expectEqual(other >> 6, page)
    let map = allocator.map
    switch fault {
    // A granule inside of a frame that is also free, or a frame's first.
    case 0: map.free[page] |= 2
    case 1: map.pages[page].held |= 2
    case 2: map.pages[page].inside |= 1
    // A granule that is used but in no frame: behind a free one.
    case 3:
      map.free[next] &= ~(1 << 5)
      map.pages[next].inside |= 1 << 5
    // A frame in a magazine that the application has.
    case 4: map.setHeld(true, at: other)
    // A full page that keeps frames out of magazines.
    default: map.ends[page] = 0
    }
    let names = [
      "granules of page \(page) are in two states at once",
      "granules of page \(page) are in two states at once",
      "granules of page \(page) are in two states at once",
      "granule \(next << 6 | 5) is used and in no frame",
      "the frame cached at granule \(other) is in use or of another length",
      "it is wrongly noted of node \(page) whether it has a long free run",
    ]
    expectEqual(allocator.audit(), names[fault])
  }
}

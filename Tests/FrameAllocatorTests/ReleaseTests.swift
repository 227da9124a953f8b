import Expectations
import FrameAllocator
import MartletTestKit
import Testing

/// What is released without being had: refused, counted, and nothing is harmed.
@Suite struct ReleaseTests {
  @Test("Random addresses never corrupt anything", arguments: [0, 3])
  func fuzz(order: Int) throws {
    var configuration = makeConfiguration(nodes: 64 >> order, order: order)
    configuration.trapsOnMisuse = false
    var allocator = try FrameAllocator(configuration)
    allocator.reserveFlights(100)
    var random = SeededGenerator(seed: 11)
    var refused = 0
    for number in 0..<40_000 {
      let address = UInt64.random(in: 0...UInt64(configuration.byteCount + 5000), using: &random)
      let holder = Int.random(in: 0...1, using: &random)
      switch number % 7 {
      case 0: _ = allocator.allocate(byteCount: Int.random(in: 1...2000, using: &random))
      case 1: _ = allocator.allocateSlot(custody: .fill(holder))
      case 2: _ = allocator.transfer(slotAt: address & ~63, from: .fill(holder), to: .received)
      case 3: _ = allocator.dispatch(address & ~63, to: holder)
      case 4: _ = allocator.complete(address, from: holder)
      case 5: _ = allocator.trim(to: address..<address + 100)
      default: if !allocator.release(address) { refused += 1 }
      }
      if number % 1009 == 0 { expectSound(allocator) }
    }
    expectSound(allocator)
    expectEqual(allocator.refusalCount, refused)
    for address in [UInt64.max, 1 << 63, UInt64(configuration.byteCount)] {
      expect(!allocator.release(address))
      expect(!allocator.complete(address, from: 0))
      expect(!allocator.dispatch(address, to: 0))
      expect(allocator.extent(of: address) == nil)
      expect(allocator.custody(of: address) == nil)
    }
  }

  #if DEBUG
    @Test("In debug builds a second release traps")
    func doubleRelease() async {
      await #expect(processExitsWith: .failure) {
        var allocator = try FrameAllocator(.init(byteCount: 1 << 16))
        let frame = allocator.allocate(byteCount: 64) ?? 0
        allocator.release(frame)
        allocator.release(frame)
      }
    }
  #endif

  @Test("A queue's frames come home when it is gone, and no others")
  func reclaim() throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 16))
    allocator.reserveFlights(8)
    for holder in 0..<2 {
      for _ in 0..<3 { _ = allocator.allocateSlot(custody: .fill(holder)) }
      let frame = try unwrap(allocator.allocate(byteCount: 200))
      expect(allocator.dispatch(frame, to: holder))
      let slot = try unwrap(allocator.allocateSlot(custody: .held))
      expect(allocator.dispatch(slot, to: holder))
    }
    expectEqual(allocator.count(in: .transmit(1)), 2)
    let (fill, transmit) = allocator.reclaim(from: 1)
    expectEqual(fill, 3)
    expectEqual(transmit, 2)
    expectEqual(allocator.count(in: .fill(0)), 3)
    expectEqual(allocator.count(in: .transmit(0)), 2)
    expectEqual(allocator.ledger().free, 16 * 64 - 4 * 32 - 4)
    expectSound(allocator)
  }

  @Test("More packed frames in flight than there is room for are refused, not lost")
  func flightsAreBounded() throws {
    var allocator = try FrameAllocator(makeConfiguration(nodes: 16))
    allocator.reserveFlights(8)
    let frames = exhaust(&allocator).prefix(40)
    let sent = frames.filter { allocator.dispatch($0, to: 1) }
    expect((8..<40).contains(sent.count))
    for frame in frames where !sent.contains(frame) { expect(allocator.release(frame)) }
    for frame in sent.reversed() { expect(allocator.complete(frame, from: 1)) }
    expectSound(allocator)
  }
}

import FrameAllocator
import Testing

/// Addresses outside a memory of `byteCount` bytes.
private func outside(_ byteCount: UInt64) -> [UInt64] {
  [byteCount, byteCount + 1, 2 * byteCount, 1 << 32, 1 << 48, 1 << 63, .max - 2047, .max]
}

private let all: [Custody] = [
  .free, .received, .held, .fill(0), .fill(1), .transmit(0), .transmit(1), .fill(4095),
]

@Suite struct CustodyTests {
  @Test("Every byte of a frame names it", arguments: [2048, 4096])
  func everyByte(_ chunkSize: Int) throws {
    var allocator = try FrameAllocator(
      FrameAllocator.Configuration(byteCount: 3 * chunkSize, chunkSize: chunkSize))
    for _ in 0..<3 { _ = allocator.allocate(byteCount: chunkSize) }
    let start = UInt64(chunkSize)
    for offset in 0..<UInt64(chunkSize) {
      expectEqual(allocator.base(of: start + offset), start)
      guard allocator.release(start + offset) else {
        Issue.record("byte \(offset) does not name its frame")
        return
      }
      expectEqual(allocator.custody(of: start), .free)
      expectEqual(allocator.allocate(byteCount: 1), start)
    }
    expectEqual(allocator.custody(of: start - 1), .held)
    expectEqual(allocator.custody(of: 2 * start), .held)
    expectEqual(allocator.granuleCount(at: start + 5), chunkSize / 64)
    expectSound(allocator)
  }

  @Test("Addresses outside the memory are refused by every call", arguments: outside(4 * 2048))
  func foreign(_ address: UInt64) throws {
    var allocator = try makeAllocator(chunks: 4)
    for custody in [Custody.held, .received, .fill(0), .transmit(0)] {
      _ = allocator.allocate(byteCount: 1, custody: custody)
    }
    for custody in all {
      expect(!allocator.release(address, from: custody))
      expect(allocator.place(of: address, in: custody) == nil)
      expect(!allocator.transfer(address, from: custody, to: .held))
      expect(!allocator.transferFromApplication(address, to: custody))
    }
    expect(!allocator.release(address))
    expectEqual(allocator.custody(of: address), nil)
    expectEqual(allocator.granuleCount(at: address), 0)
    expectEqual(allocator.ledger().free, 0)
    expectSound(allocator)
  }

  @Test("Nothing is freed twice")
  func doubleRelease() throws {
    var allocator = try makeAllocator(chunks: 2)
    let address = try unwrap(allocator.allocate(byteCount: 1))
    expect(allocator.release(address + 7))
    expect(!allocator.release(address))
    expect(!allocator.release(address, from: .held))
    expect(!allocator.release(address, from: .free))
    expect(!allocator.transferFromApplication(address, to: .transmit(0)))
    expectEqual(allocator.ledger().free, 64)
    expectSound(allocator)
  }

  @Test("A frame in one custody is refused from every other, and nothing changes", arguments: all)
  func wrongCustody(_ custody: Custody) throws {
    var allocator = try makeAllocator(chunks: 2)
    if custody != .free { _ = allocator.allocate(byteCount: 1, custody: custody) }
    for other in all where other != custody {
      expect(!allocator.release(5, from: other))
      expect(!allocator.transfer(5, from: other, to: .fill(9)))
      expect(allocator.place(of: 5, in: other) == nil)
      expectEqual(allocator.custody(of: 0), custody)
    }
    let isWithTheApplication = custody == .held || custody == .received
    if !isWithTheApplication {
      expect(!allocator.release(5))
      expect(!allocator.transferFromApplication(5, to: .fill(9)))
    }
    expectEqual(allocator.custody(of: 0), custody)
    expectEqual(allocator.count(in: custody), custody == .free ? 2 : 1)
    expectSound(allocator)
  }

  @Test("A frame goes round through every custody")
  func round() throws {
    var allocator = try makeAllocator(chunks: 1)
    let address = try unwrap(allocator.allocate(byteCount: 1, custody: .fill(2)))
    expect(allocator.transfer(address + 256, from: .fill(2), to: .received))
    expectEqual(allocator.ledger().received, 32)
    expect(allocator.transferFromApplication(address + 256, to: .held))
    expectEqual(allocator.ledger().held, 32)
    expect(allocator.transferFromApplication(address, to: .transmit(3)))
    expectEqual(allocator.ledger().transmit, 32)
    let place = try unwrap(allocator.place(of: address + 9, in: .transmit(3)))
    allocator.move(place, from: .transmit(3), to: .fill(2))
    expectEqual(allocator.ledger().fill, 32)
    expectEqual(allocator.custody(of: address), .fill(2))
    expect(allocator.release(address + 2047, from: .fill(2)))
    expectEqual(allocator.ledger().free, 32)
    expectSound(allocator)
  }

  @Test("A lost queue's frames come home, and only those")
  func reclaim() throws {
    var allocator = try makeAllocator(chunks: 12, groups: [.init(), .init(guarantee: 4 * 2048)])
    let group = FlowGroup(index: 1)
    for custody in [Custody.fill(1), .fill(1), .transmit(1), .fill(0), .transmit(2), .held] {
      _ = allocator.allocate(byteCount: 1, custody: custody)
    }
    for custody in [Custody.transmit(1), .received] {
      _ = allocator.allocate(byteCount: 1, group: group, custody: custody)
    }
    let lost = allocator.reclaim(from: 1)
    expectEqual(lost.fill, 2)
    expectEqual(lost.transmit, 2)
    expectEqual(allocator.count(in: .free), 8)
    for custody in [Custody.fill(0), .transmit(2), .held, .received] {
      expectEqual(allocator.count(in: custody), 1)
    }
    expectSound(allocator)
    let again = allocator.reclaim(from: 1)
    expectEqual(again.fill + again.transmit, 0)
    expectSound(allocator)
  }

  @Test("Custodies are all different and say what they are")
  func names() {
    expectEqual(
      all.map(\.description).joined(separator: " "),
      "free received held fill(0) fill(1) transmit(0) transmit(1) fill(4095)")
    expectEqual(Set(all).count, all.count)
    expectEqual(Custody.holderLimit, 4096)
    let kernel = (0..<Custody.holderLimit).flatMap { [Custody.fill($0), .transmit($0)] }
    expectEqual(Set(kernel + [.free, .held, .received]).count, 2 * 4096 + 3)
  }

  @Test("In debug builds a frame cannot become free other than by release")
  func freeByTransfer() async {
    await #expect(processExitsWith: .failure) {
      var allocator = try makeAllocator(chunks: 1)
      _ = allocator.allocate(byteCount: 1, custody: .free)
    }
    await #expect(processExitsWith: .failure) {
      var allocator = try makeAllocator(chunks: 1)
      _ = allocator.allocate(byteCount: 1)
      _ = allocator.transferFromApplication(0, to: .free)
    }
    await #expect(processExitsWith: .failure) {
      var allocator = try makeAllocator(chunks: 1)
      _ = allocator.allocate(byteCount: 1)
      _ = allocator.transfer(0, from: .held, to: .free)
    }
    await #expect(processExitsWith: .failure) {
      var allocator = try makeAllocator(chunks: 1)
      _ = allocator.transfer(0, from: .free, to: .held)
    }
  }
}

import FrameAllocator
import Testing

@Suite struct AllocationTests {
  @Test(
    "Every frame is given once, at a chunk's start, inside the memory", arguments: [2048, 4096])
  func everyFrameOnce(_ chunkSize: Int) throws {
    // What does not fill a chunk is left out.
    var allocator = try FrameAllocator(
      FrameAllocator.Configuration(byteCount: 7 * chunkSize + chunkSize - 1, chunkSize: chunkSize))
    expectEqual(allocator.chunkSize, chunkSize)
    expectEqual(allocator.maximumFrame, chunkSize)
    expectEqual(allocator.chunkCount, 7)
    var addresses: Set<UInt64> = []
    for number in 0..<7 {
      let address = try unwrap(allocator.allocate(byteCount: 1 + number * (chunkSize - 1) / 6))
      expectEqual(allocator.custody(of: address), .held)
      expect(addresses.insert(address).inserted)
      expectSound(allocator)
    }
    expectEqual(addresses, Set((0..<7).map { UInt64($0 * chunkSize) }))
    expectEqual(allocator.allocate(byteCount: 1), nil)
    expectEqual(allocator.allocate(byteCount: 1, permission: .critical), nil)
    expectEqual(allocator.ledger().held, 7 * chunkSize / 64)
    expectEqual(allocator.ledger().free, 0)
  }

  @Test("Lengths from one byte to a chunk are given, others are not", arguments: [2048, 4096])
  func lengths(_ chunkSize: Int) throws {
    var allocator = try FrameAllocator(
      FrameAllocator.Configuration(byteCount: 4 * chunkSize, chunkSize: chunkSize))
    for length in [0, -1, chunkSize + 1, .max, .min] {
      expectEqual(allocator.allocate(byteCount: length), nil)
      expectSound(allocator)
    }
    expectEqual(allocator.ledger().free, 4 * chunkSize / 64)
    for length in [1, chunkSize] { expect(allocator.allocate(byteCount: length) != nil) }
  }

  @Test("A frame is born in the custody asked for")
  func custodies() throws {
    var allocator = try makeAllocator(chunks: 8)
    let custodies: [Custody] = [
      .held, .received, .fill(0), .fill(4095), .transmit(0), .transmit(7),
    ]
    for custody in custodies {
      let address = try unwrap(allocator.allocate(byteCount: 9, custody: custody))
      expectEqual(allocator.custody(of: address), custody)
      expectEqual(allocator.count(in: custody), 1)
    }
    expectEqual(allocator.count(in: .free), 2)
    let ledger = allocator.ledger()
    expectEqual([ledger.free, ledger.fill, ledger.received], [64, 64, 32])
    expectEqual([ledger.held, ledger.transmit, ledger.total], [32, 64, 256])
    expectSound(allocator)
  }

  @Test("The lowest addresses go first, and what came back last goes out next")
  func warmFirst() throws {
    var allocator = try makeAllocator(chunks: 4)
    expectEqual(allocator.allocate(byteCount: 1), 0)
    expectEqual(allocator.allocate(byteCount: 1), 2048)
    expectEqual(allocator.allocate(byteCount: 1), 4096)
    expect(allocator.release(0))
    expect(allocator.release(2048))
    expectEqual(allocator.allocate(byteCount: 1), 2048)
    expectEqual(allocator.allocate(byteCount: 1), 0)
    expectEqual(allocator.allocate(byteCount: 1), 6144)
  }

  @Test("The reserve is exact: normal stops before it, critical takes all of it")
  func reserve() throws {
    var allocator = try makeAllocator(chunks: 10, reserve: 3)
    for _ in 0..<7 { expect(allocator.allocate(byteCount: 100) != nil) }
    expectEqual(allocator.allocate(byteCount: 100), nil)
    expectSound(allocator)
    for _ in 0..<3 {
      expect(allocator.allocate(byteCount: 100, permission: .critical) != nil)
      expectEqual(allocator.allocate(byteCount: 100), nil)
    }
    expectEqual(allocator.allocate(byteCount: 100, permission: .critical), nil)
    // What comes back fills the reserve first.
    for number in 0..<3 {
      expect(allocator.release(UInt64(number) * 2048))
      expectEqual(allocator.allocate(byteCount: 100), nil)
    }
    expect(allocator.release(3 * 2048))
    expect(allocator.allocate(byteCount: 100) != nil)
    expectEqual(allocator.allocate(byteCount: 100), nil)
    expectSound(allocator)
  }

  @Test("A reserve that does not fill a chunk is kept in full")
  func roundedReserve() throws {
    var allocator = try FrameAllocator(
      FrameAllocator.Configuration(byteCount: 4 * 2048, reserve: 2049))
    expect(allocator.allocate(byteCount: 1) != nil)
    expect(allocator.allocate(byteCount: 1) != nil)
    expectEqual(allocator.allocate(byteCount: 1), nil)
  }
}

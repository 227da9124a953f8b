import FrameAllocator
import Testing

@Suite struct GroupTests {
  private let first = FlowGroup(index: 1)

  @Test("A group stops at its quota, whatever is free and whoever asks")
  func quota() throws {
    var allocator = try makeAllocator(chunks: 8, groups: [.init(), .init(quota: 3 * 2048)])
    var addresses: [UInt64] = []
    for _ in 0..<3 {
      addresses.append(try unwrap(allocator.allocate(byteCount: 1, group: first)))
    }
    expectEqual(allocator.allocate(byteCount: 1, group: first), nil)
    expectEqual(allocator.allocate(byteCount: 1, group: first, permission: .critical), nil)
    expect(allocator.allocate(byteCount: 1) != nil)
    expectSound(allocator)
    expect(allocator.release(addresses[1]))
    expectEqual(allocator.allocate(byteCount: 1, group: first), addresses[1])
    expectEqual(allocator.allocate(byteCount: 1, group: first), nil)
  }

  @Test("A group with a quota of nothing gets nothing")
  func noQuota() throws {
    var allocator = try makeAllocator(chunks: 2, groups: [.init(), .init(quota: 0)])
    expectEqual(allocator.allocate(byteCount: 1, group: first), nil)
    expectEqual(allocator.allocate(byteCount: 1, group: first, permission: .critical), nil)
    expectSound(allocator)
  }

  @Test("Groups that are not configured get nothing", arguments: [-1, 2, .max, .min])
  func unknownGroup(_ index: Int) throws {
    var allocator = try makeAllocator(chunks: 2, groups: [.init(), .init()])
    expectEqual(allocator.allocate(byteCount: 1, group: FlowGroup(index: index)), nil)
    expectSound(allocator)
  }

  @Test("What a group is guaranteed nobody else can take, not even critical work")
  func guarantee() throws {
    var allocator = try makeAllocator(
      chunks: 6, reserve: 1, groups: [.init(), .init(guarantee: 2 * 2048)])
    for _ in 0..<3 { expect(allocator.allocate(byteCount: 1) != nil) }
    expectEqual(allocator.allocate(byteCount: 1), nil)
    expect(allocator.allocate(byteCount: 1, permission: .critical) != nil)
    expectEqual(allocator.allocate(byteCount: 1, permission: .critical), nil)
    expectSound(allocator)
    // Two are owed: they are there, for normal work too, and no third.
    let owed = try unwrap(allocator.allocate(byteCount: 1, group: first))
    expect(allocator.allocate(byteCount: 1, group: first) != nil)
    expectEqual(allocator.allocate(byteCount: 1, group: first, permission: .critical), nil)
    expectSound(allocator)
    // What the group gives back is owed to it again.
    expect(allocator.release(owed))
    expectEqual(allocator.allocate(byteCount: 1, permission: .critical), nil)
    expectEqual(allocator.allocate(byteCount: 1, group: first), owed)
    expectSound(allocator)
  }

  @Test("Above its guarantee a group stands in line like all others")
  func beyondGuarantee() throws {
    var allocator = try makeAllocator(
      chunks: 5, reserve: 1, groups: [.init(guarantee: 2048), .init(guarantee: 2048)])
    for _ in 0..<3 { expect(allocator.allocate(byteCount: 1, group: first) != nil) }
    expectEqual(allocator.allocate(byteCount: 1, group: first), nil)
    expectSound(allocator)
    expect(allocator.allocate(byteCount: 1) != nil)
    expectEqual(allocator.allocate(byteCount: 1), nil)
    expect(allocator.allocate(byteCount: 1, group: first, permission: .critical) != nil)
    // Giving back what was above the guarantee owes nothing.
    expect(allocator.release(0))
    expect(allocator.allocate(byteCount: 1, permission: .critical) != nil)
    expectSound(allocator)
  }

  @Test("A guarantee that does not fill a chunk is kept in full")
  func roundedGuarantee() throws {
    var allocator = try makeAllocator(chunks: 3, groups: [.init(), .init(guarantee: 2049)])
    expect(allocator.allocate(byteCount: 1) != nil)
    expectEqual(allocator.allocate(byteCount: 1), nil)
    expect(allocator.allocate(byteCount: 1, group: first) != nil)
    expect(allocator.allocate(byteCount: 1, group: first) != nil)
  }

  @Test("A frame stays its group's through every custody")
  func transferKeepsTheGroup() throws {
    var allocator = try makeAllocator(chunks: 4, groups: [.init(), .init(quota: 2048)])
    let address = try unwrap(allocator.allocate(byteCount: 1, group: first))
    expect(allocator.transferFromApplication(address, to: .transmit(3)))
    expect(allocator.transfer(address, from: .transmit(3), to: .received))
    expectEqual(allocator.allocate(byteCount: 1, group: first), nil)
    expect(allocator.release(address))
    expect(allocator.allocate(byteCount: 1, group: first) != nil)
    expectSound(allocator)
  }

  @Test("Frames pass from use to use only while nobody was promised them")
  func passingOn() throws {
    var allocator = try makeAllocator(chunks: 4, reserve: 1, groups: [.init(guarantee: 2048)])
    expect(allocator.mayPassOn)
    for _ in 0..<3 {
      expect(allocator.allocate(byteCount: 1) != nil)
      expect(allocator.mayPassOn)
    }
    expect(allocator.allocate(byteCount: 1, permission: .critical) != nil)
    expect(!allocator.mayPassOn)
    expect(allocator.release(0))
    expect(allocator.mayPassOn)
    let several = try makeAllocator(chunks: 4, groups: [.init(), .init()])
    expect(!several.mayPassOn)
  }
}

import FrameAllocator
import Testing

/// A configuration that is refused, and the whole of what is said.
private struct Refusal: Sendable, CustomTestStringConvertible {
  let configuration: FrameAllocator.Configuration
  let error: FrameAllocatorError
  let text: String

  init(
    _ byteCount: Int, chunk: Int = 2048, reserve: Int = 0,
    groups: [FlowGroup.Configuration] = [FlowGroup.Configuration()],
    _ error: FrameAllocatorError, _ text: String
  ) {
    configuration = FrameAllocator.Configuration(
      byteCount: byteCount, chunkSize: chunk, reserve: reserve, groups: groups)
    self.error = error
    self.text = text
  }

  var testDescription: String { text }
}

private let refusals = [
  Refusal(
    8192, chunk: 3000, .chunkSize(3000),
    "a chunk of 3000 bytes: it must be a power of two of at least 64"),
  Refusal(
    8192, chunk: 32, .chunkSize(32),
    "a chunk of 32 bytes: it must be a power of two of at least 64"),
  Refusal(
    8192, chunk: 0, .chunkSize(0),
    "a chunk of 0 bytes: it must be a power of two of at least 64"),
  Refusal(
    8192, chunk: .min, .chunkSize(.min),
    "a chunk of -9223372036854775808 bytes: it must be a power of two of at least 64"),
  Refusal(
    2047, .memory(byteCount: 2047, chunkSize: 2048),
    "2047 bytes of memory in chunks of 2048: there must be 1 to 2^32 - 1 chunks"),
  Refusal(
    0, .memory(byteCount: 0, chunkSize: 2048),
    "0 bytes of memory in chunks of 2048: there must be 1 to 2^32 - 1 chunks"),
  Refusal(
    -4096, .memory(byteCount: -4096, chunkSize: 2048),
    "-4096 bytes of memory in chunks of 2048: there must be 1 to 2^32 - 1 chunks"),
  Refusal(
    .max, chunk: 64, .memory(byteCount: .max, chunkSize: 64),
    "9223372036854775807 bytes of memory in chunks of 64: there must be 1 to 2^32 - 1 chunks"),
  Refusal(
    8192, reserve: 8193, .overcommitted(asked: 8193, byteCount: 8192),
    "reserve and guarantees take 8193 bytes of 8192: ask for less or give more memory"),
  Refusal(
    8192, reserve: 4096, groups: [.init(guarantee: 2048), .init(guarantee: 2049)],
    .overcommitted(asked: 8193, byteCount: 8192),
    "reserve and guarantees take 8193 bytes of 8192: ask for less or give more memory"),
  // Each fits in bytes, but both need a chunk of their own and a half.
  Refusal(
    6144, reserve: 3000, groups: [.init(guarantee: 3000)],
    .overcommitted(asked: 8192, byteCount: 6144),
    "reserve and guarantees take 8192 bytes of 6144: ask for less or give more memory"),
  Refusal(
    8192, groups: [.init(), .init(quota: 2048, guarantee: 4096)],
    .quotaBelowGuarantee(group: 1, quota: 2048, guarantee: 4096),
    "group 1 has a quota of 2048 bytes but is guaranteed 4096: raise the quota"),
  Refusal(
    8192, reserve: -1, .negative("a reserve", -1), "a reserve of -1 bytes: it cannot be negative"),
  Refusal(
    8192, groups: [.init(quota: -2)], .negative("a quota", -2),
    "a quota of -2 bytes: it cannot be negative"),
  Refusal(
    8192, groups: [.init(guarantee: -3)], .negative("a guarantee", -3),
    "a guarantee of -3 bytes: it cannot be negative"),
  Refusal(
    8192, groups: [], .groups(count: 0, limit: 65536), "0 flow groups: there must be 1 to 65536"),
  Refusal(
    8192, groups: [FlowGroup.Configuration](repeating: .init(), count: 65537),
    .groups(count: 65537, limit: 65536), "65537 flow groups: there must be 1 to 65536"),
]

@Suite struct ConfigurationTests {
  @Test(
    "Impossible configurations are named, with what was asked and what is possible",
    arguments: refusals)
  private func refused(_ refusal: Refusal) {
    do {
      _ = try FrameAllocator(refusal.configuration)
      Issue.record("accepted")
    } catch {
      expectEqual(error, refusal.error)
      expectEqual(error.description, refusal.text)
    }
  }

  @Test("Sums that overflow are refused, not wrapped")
  func overflow() {
    let groups: [FlowGroup.Configuration] = [.init(guarantee: .max), .init(guarantee: .max)]
    let configuration = FrameAllocator.Configuration(byteCount: 8192, reserve: .max, groups: groups)
    #expect(throws: FrameAllocatorError.self) { _ = try FrameAllocator(configuration) }
    let large = FrameAllocator.Configuration(
      byteCount: .max, chunkSize: 1 << 61, reserve: 1 << 61 | 1,
      groups: [.init(guarantee: 1), .init(guarantee: 1)])
    #expect(throws: FrameAllocatorError.self) { _ = try FrameAllocator(large) }
  }

  @Test("What just fits is accepted")
  func accepted() throws {
    var allocator = try FrameAllocator(
      FrameAllocator.Configuration(
        byteCount: 8192, reserve: 4096,
        groups: [.init(quota: 2048, guarantee: 2048), .init(guarantee: 2048)]))
    expect(allocator.allocate(byteCount: 1) != nil)
    expectEqual(allocator.allocate(byteCount: 1), nil)
    expect(allocator.allocate(byteCount: 1, group: FlowGroup(index: 1)) != nil)
    expectSound(allocator)
    let largest = try FrameAllocator(
      FrameAllocator.Configuration(
        byteCount: 8192, groups: [FlowGroup.Configuration](repeating: .init(), count: 65536)))
    expectSound(largest)
    let smallest = try FrameAllocator(
      FrameAllocator.Configuration(byteCount: 64, chunkSize: 64, reserve: 64))
    expectEqual(smallest.chunkCount, 1)
  }
}

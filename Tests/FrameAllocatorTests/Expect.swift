import FrameAllocator
import Testing

// `#expect` takes its expression apart and cannot do so with noncopyable values: these take the
// value.

/// Records an issue unless `isTrue`.
func expect(_ isTrue: Bool, at location: SourceLocation = #_sourceLocation) {
  #expect(isTrue, sourceLocation: location)
}

/// Records an issue, with both values, unless they are equal.
func expectEqual<Value: Equatable>(
  _ value: Value, _ wanted: Value, at location: SourceLocation = #_sourceLocation
) {
  #expect(value == wanted, sourceLocation: location)
}

/// Records an issue unless every invariant holds and the ledger's parts add up.
func expectSound(
  _ allocator: borrowing FrameAllocator, at location: SourceLocation = #_sourceLocation
) {
  let broken = allocator.audit()
  #expect(broken == nil, sourceLocation: location)
  let ledger = allocator.ledger()
  let sum = ledger.free + ledger.fill + ledger.received + ledger.held + ledger.transmit
  #expect(sum == ledger.total, sourceLocation: location)
}

/// A configuration of `count` nodes.
func makeConfiguration(
  nodes count: Int, order: Int = 0, reserve: Int = 0,
  groups: [FlowGroup.Configuration] = [FlowGroup.Configuration()], workers: Int = 1
) -> FrameAllocator.Configuration {
  let size = 4096 << order
  var configuration = FrameAllocator.Configuration(
    byteCount: count * size, reserve: reserve * size, groups: groups)
  configuration.nodeOrder = order
  configuration.workers = workers
  return configuration
}

/// Allocates frames of one length until there are no more.
func exhaust(
  _ allocator: inout FrameAllocator, byteCount: Int = 64, group: FlowGroup = .shared,
  permission: Permission = .normal
) -> [UInt64] {
  var frames: [UInt64] = []
  while let frame = allocator.allocate(
    byteCount: byteCount, group: group, permission: permission)
  {
    frames.append(frame)
  }
  return frames
}

/// Random numbers that a seed repeats (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// The value inside, or an issue and the test's end.
func unwrap<Value>(
  _ value: Value?, at location: SourceLocation = #_sourceLocation
) throws -> Value {
  try #require(value, sourceLocation: location)
}

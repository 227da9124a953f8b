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

/// A copy of the bytes of a view.
func copy(_ view: RawSpan) -> [UInt8] {
  // The bytes are copied while the view is borrowed.
  unsafe view.withUnsafeBytes { unsafe Array($0) }
}

/// Writes `bytes` to the start of a view.
func write(_ bytes: [UInt8], to view: inout MutableRawSpan) {
  // The view is exclusive, and copyBytes checks the length.
  unsafe view.withUnsafeMutableBytes { unsafe $0.copyBytes(from: bytes) }
}

/// A packet of `byteCount` bytes that no other number gives.
func packet(_ number: Int, byteCount: Int = 60) -> [UInt8] {
  (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : number * 31 + $0) }
}

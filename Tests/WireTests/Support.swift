import Testing
import Wire

/// `#expect` for values read from views: the macro cannot take a nonescapable operand.
func equal<T: Equatable>(_ value: T, _ expected: T, at location: SourceLocation = #_sourceLocation)
{
  #expect(value == expected, sourceLocation: location)
}

/// Fails the test with `text`: a view that should be there is nil.
func missing(_ text: String, at location: SourceLocation = #_sourceLocation) {
  Issue.record("\(text) is nil", sourceLocation: location)
}

extension [UInt8] {
  /// The bytes, to read.
  var raw: RawSpan {
    @_lifetime(borrow self) get {
      // Any value is a UInt8.
      unsafe span.bytes
    }
  }
}

/// Runs `body` on `bytes`, to write.
func write<R>(_ bytes: inout [UInt8], _ body: (consuming MutableRawSpan) -> R) -> R {
  var span = bytes.mutableSpan
  // Any value is a UInt8.
  return body(unsafe span.mutableBytes)
}

/// The bytes of `span` as an array.
func array(_ span: RawSpan) -> [UInt8] {
  span.byteOffsets.map { offset in
    // In bounds and any value is a UInt8; the load checks it again.
    unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
}

/// Pseudo-random numbers that are the same in every run (SplitMix64).
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}

/// The checksum the slow way, word by word (RFC 1071, 4.1).
func slowChecksum(_ bytes: [UInt8]) -> UInt16 {
  var sum: UInt32 = 0
  for index in stride(from: 0, to: bytes.count, by: 2) {
    let low = index + 1 < bytes.count ? bytes[index + 1] : 0
    sum += UInt32(bytes[index]) << 8 + UInt32(low)
    if sum > 0xFFFF { sum -= 0xFFFF }
  }
  return ~UInt16(sum)
}

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

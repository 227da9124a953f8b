import Martlet

/// What gives frames and takes them back, as a benchmark sees it.
protocol FrameSource: ~Copyable {
  /// A frame of `byteCount` bytes, by a number of its own; nil if there is none.
  mutating func give(_ byteCount: Int) -> UInt64?
  /// Takes a frame back.
  mutating func takeBack(_ frame: UInt64)
}

extension FrameAllocator: FrameSource {
  @inline(__always)
  mutating func give(_ byteCount: Int) -> UInt64? { allocate(byteCount: byteCount) }

  @inline(__always)
  mutating func takeBack(_ frame: UInt64) { release(frame) }
}

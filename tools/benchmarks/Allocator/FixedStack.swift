/// The usual frame allocator of packet programs: chunks of one size on a stack, the one released
/// last goes out first.
///
/// A packet takes a whole chunk, however short it is.
struct FixedStack: FrameSource {
  private let chunks: Cells<UInt64>
  private var count: Int
  private let chunkSize: Int

  init(byteCount: Int, chunkSize: Int) {
    count = byteCount / chunkSize
    self.chunkSize = chunkSize
    chunks = Cells(repeating: 0, count: count)
    for chunk in 0..<count { chunks[chunk] = UInt64(chunk * chunkSize) }
  }

  @inline(__always)
  mutating func give(_ byteCount: Int) -> UInt64? {
    guard count != 0, byteCount <= chunkSize else { return nil }
    count &-= 1
    return chunks[count]
  }

  @inline(__always)
  mutating func takeBack(_ frame: UInt64) {
    chunks[count] = frame
    count &+= 1
  }
}

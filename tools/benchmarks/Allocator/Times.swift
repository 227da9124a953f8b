import Martlet

extension AllocatorRow {
  /// A frame given and taken back: ours beside malloc, stacks of chunks and the 2006 algorithm.
  func measurePairs() throws -> (ours: Timing, malloc: Timing, stack: Timing, tree: Timing) {
    let lengths = Mix.imix.lengths(65_536, seed: 3)
    let memory = 64 << 20
    let timings = takeTurns(
      [
        PairContestant(try FrameAllocator(.init(byteCount: memory)), lengths: lengths),
        PairContestant(SystemMalloc(), lengths: lengths),
        PairContestant(FixedStack(byteCount: memory, chunkSize: 2048), lengths: lengths),
        PairContestant(FixedStack(byteCount: memory, chunkSize: 4096), lengths: lengths),
        PairContestant(Tree2006(nodes: memory / 4096, order: 0), lengths: lengths),
      ], slices: slices)
    return (timings[0], timings[1], timings[2], timings[4])
  }
}

/// A configuration that no allocator can be made of; found when the allocator is made, never later.
public enum FrameAllocatorError: Error, Sendable, Hashable {
  /// The chunk size is not 2,048 or 4,096.
  case chunkSize(Int)
  /// The node order is none of 0 ... 3 and 9.
  case nodeOrder(Int)
  /// Frames cannot keep within such a boundary: it is none of 2,048 and 4,096, or slots lie across
  /// it.
  case boundary(Int, chunkSize: Int, isUnaligned: Bool)
  /// The memory holds not even one node, or more than can be numbered.
  case memory(byteCount: Int, nodeSize: Int)
  /// The reserve and the guarantees ask for more than there is.
  case overcommitted(asked: Int, byteCount: Int)
  /// A group's quota is below its guaranteed minimum.
  case quotaBelowGuarantee(group: Int, quota: Int, guarantee: Int)
  /// A reserve, quota or guarantee below zero.
  case negative(String, Int)
  /// More groups than can be told apart, or none.
  case groups(count: Int, limit: Int)
  /// More workers than can be told apart, or none.
  case workers(count: Int, limit: Int)
  /// An arena is not a number of nodes, or larger than the memory.
  case arenaSize(Int, nodeSize: Int)
  /// A group can be exported, and there are no arenas that it could have.
  case noArena(group: Int)
  /// Magazines deeper than they can be.
  case magazineDepth(Int, limit: Int)
}

extension FrameAllocatorError: CustomStringConvertible {
  /// What was asked and what is possible, on one line.
  public var description: String {
    switch self {
    case .chunkSize(let size):
      "a chunk of \(size) bytes: the kernel takes 2048 and 4096"
    case .nodeOrder(let order):
      "nodes of 2^\(order) pages: the order must be 0 to 3, or 9 for 2 MiB"
    case .boundary(let boundary, let chunkSize, let isUnaligned):
      "a boundary every \(boundary) bytes with \(isUnaligned ? "un" : "")aligned chunks of "
        + "\(chunkSize): it must be 4096, or 2048 for aligned chunks of 2048"
    case .memory(let byteCount, let nodeSize):
      "\(byteCount) bytes of memory in nodes of \(nodeSize): there must be 1 to 2^24 - 2 nodes, "
        + "and 256 GiB at most"
    case .overcommitted(let asked, let byteCount):
      "reserve and guarantees take \(asked) bytes of \(byteCount): ask for less or give more memory"
    case .quotaBelowGuarantee(let group, let quota, let guarantee):
      "group \(group) has a quota of \(quota) bytes but is guaranteed \(guarantee): raise the quota"
    case .negative(let what, let value):
      "\(what) of \(value) bytes: it cannot be negative"
    case .groups(let count, let limit):
      "\(count) flow groups: there must be 1 to \(limit)"
    case .workers(let count, let limit):
      "\(count) workers: there must be 1 to \(limit)"
    case .arenaSize(let size, let nodeSize):
      "arenas of \(size) bytes: they must be a multiple of the node size, \(nodeSize), and fit "
        + "into the memory"
    case .noArena(let group):
      "group \(group) is exportable and there is no arena for it: give it one of its own"
    case .magazineDepth(let depth, let limit):
      "magazines of \(depth) frames: there must be 0 to \(limit)"
    }
  }
}

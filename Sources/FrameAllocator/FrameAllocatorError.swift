/// A configuration that no allocator can be made of; found when the allocator is made, never later.
public enum FrameAllocatorError: Error, Sendable, Hashable {
  /// The chunk size is not a power of two of at least one granule.
  case chunkSize(Int)
  /// The memory holds not even one chunk, or more chunks than can be numbered.
  case memory(byteCount: Int, chunkSize: Int)
  /// The reserve and the guarantees ask for more than there is.
  case overcommitted(asked: Int, byteCount: Int)
  /// A group's quota is below its guaranteed minimum.
  case quotaBelowGuarantee(group: Int, quota: Int, guarantee: Int)
  /// A reserve, quota or guarantee below zero.
  case negative(String, Int)
  /// More groups than can be told apart, or none.
  case groups(count: Int, limit: Int)
}

extension FrameAllocatorError: CustomStringConvertible {
  /// What was asked and what is possible, on one line.
  public var description: String {
    switch self {
    case .chunkSize(let size):
      "a chunk of \(size) bytes: it must be a power of two of at least 64"
    case .memory(let byteCount, let chunkSize):
      "\(byteCount) bytes of memory in chunks of \(chunkSize): there must be 1 to 2^32 - 1 chunks"
    case .overcommitted(let asked, let byteCount):
      "reserve and guarantees take \(asked) bytes of \(byteCount): ask for less or give more memory"
    case .quotaBelowGuarantee(let group, let quota, let guarantee):
      "group \(group) has a quota of \(quota) bytes but is guaranteed \(guarantee): raise the quota"
    case .negative(let what, let value):
      "\(what) of \(value) bytes: it cannot be negative"
    case .groups(let count, let limit):
      "\(count) flow groups: there must be 1 to \(limit)"
    }
  }
}

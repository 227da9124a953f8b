/// One entry of a channel between two processes: two words whose meaning its users agree on.
@frozen public struct ChannelEntry: BitwiseCopyable, Sendable, Hashable {
  /// The first word.
  public var first: UInt64
  /// The second word.
  public var second: UInt64

  /// An entry of these words.
  @inlinable @inline(__always)
  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }
}

/// Half of an entry of a channel between two processes: two words whose meaning its users agree on.
///
/// An entry takes 32 bytes, so none lies in two lines of the processor's cache. Who has no more to
/// say than half of one leaves the other half as it is, and nobody reads that.
@frozen public struct ChannelEntry: BitwiseCopyable, Sendable, Hashable {
  /// The first word.
  public var first: UInt64
  /// The second word.
  public var second: UInt64

  /// Half an entry of these words.
  @inlinable @inline(__always)
  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }
}

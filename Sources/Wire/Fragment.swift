/// Which piece of a fragmented IP packet this is.
@frozen public struct Fragment: Hashable, Sendable, BitwiseCopyable {
  /// What the pieces of one packet have in common; 16 bits in IPv4, 32 in IPv6.
  public let identification: UInt32
  /// Where in the whole packet's payload this piece belongs, in bytes; a multiple of 8.
  public let offset: Int
  /// Whether pieces with a higher offset follow.
  public let hasMore: Bool

  /// The piece that belongs at `offset`.
  @inlinable @inline(__always)
  init(identification: UInt32, offset: Int, hasMore: Bool) {
    self.identification = identification
    self.offset = offset
    self.hasMore = hasMore
  }
}

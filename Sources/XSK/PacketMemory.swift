/// The bytes of a UMEM, for one owner: views of packets by address.
///
/// Holding it keeps the memory mapped.
///
/// Every view is checked against the end of the memory and traps beyond it. Cost: one comparison.
@frozen @safe public struct PacketMemory: ~Copyable {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Bytes of memory, all of them readable and writable.
  public let byteCount: Int
  /// What keeps the memory mapped.
  @usableFromInline let owner: AnyObject

  /// The `byteCount` bytes at `base`, which stay mapped for as long as `owner` lives.
  @unsafe public init(base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    unsafe self.base = base
    self.byteCount = byteCount
    self.owner = owner
  }

  /// The `count` bytes at `address`, to read.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func bytes(at address: UInt64, count: Int) -> RawSpan {
    let offset = Int(truncatingIfNeeded: address)
    precondition(
      offset >= 0 && count >= 0 && offset <= byteCount &- count, "bytes outside the UMEM")
    // In bounds by the line above; `owner` keeps the mapping alive while `self` is borrowed.
    let span = unsafe RawSpan(_unsafeStart: base + offset, byteCount: count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The `count` bytes at `address`, to read and write.
  ///
  /// Whoever calls it owns the frame at `address` exclusively: frames never overlap, so two views
  /// of two frames do not either.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func mutableBytes(at address: UInt64, count: Int) -> MutableRawSpan {
    let offset = Int(truncatingIfNeeded: address)
    precondition(
      offset >= 0 && count >= 0 && offset <= byteCount &- count, "bytes outside the UMEM")
    // In bounds by the line above; `owner` keeps the mapping alive while `self` is borrowed.
    let span = unsafe MutableRawSpan(_unsafeStart: base + offset, byteCount: count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}

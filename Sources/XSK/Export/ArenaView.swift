internal import Glibc
internal import SystemPackage

/// Another process's arena, mapped here: to read, or for a tenant to write.
///
/// It cannot be revoked: the bytes stay readable for as long as this value lives, whatever becomes
/// of their owner.
@frozen @safe public struct ArenaView: ~Copyable, @unchecked Sendable {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Bytes of the arena.
  public let byteCount: Int
  /// Whether it can be written.
  public let isWritable: Bool

  /// Maps all of an arena's file.
  ///
  /// Throws if the file can be truncated, which would kill whoever reads on.
  public init(_ file: consuming ReceivedDescriptor, isWritable: Bool) throws(XDPError) {
    let byteCount = file.byteCount
    guard byteCount > 0, file.isSealed else {
      throw XDPError(
        .system, operation: "map an arena", reason: "the file that was given is none",
        remedy: "look at who gave it")
    }
    let protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
    let start = unsafe mmap(nil, byteCount, protection, MAP_SHARED, file.descriptor.value, 0)
    guard let start = unsafe start, unsafe start != MAP_FAILED else {
      throw PeerSocket.refused("map an arena of \(byteCount) bytes", "mmap", errno)
    }
    unsafe base = start
    self.byteCount = byteCount
    self.isWritable = isWritable
  }

  deinit {
    // The mapping is this value's own; no view of it outlives its borrow.
    unsafe munmap(base, byteCount)
  }

  /// Whether `count` bytes at `offset` lie in the arena.
  @inlinable @inline(__always)
  public func holds(_ offset: UInt64, count: UInt64) -> Bool {
    let size = UInt64(truncatingIfNeeded: byteCount)
    return count <= size && offset <= size &- count
  }

  /// The `count` bytes at `offset`, to read; traps outside the arena.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func span(at offset: UInt64, count: Int) -> RawSpan {
    precondition(
      holds(offset, count: UInt64(truncatingIfNeeded: count)), "bytes outside the arena")
    // In bounds by the line above; mapped for as long as `self` is borrowed.
    let bytes = unsafe UnsafeRawBufferPointer(
      start: base + Int(truncatingIfNeeded: offset), count: count)
    let span = unsafe RawSpan(_unsafeBytes: bytes)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The `count` bytes at `offset`, to read and write; traps outside the arena or if it is not
  /// writable.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func mutableSpan(at offset: UInt64, count: Int) -> MutableRawSpan {
    precondition(
      isWritable && holds(offset, count: UInt64(truncatingIfNeeded: count)),
      "bytes outside the arena, or not to be written")
    // In bounds by the line above; mapped for as long as `self` is borrowed.
    let bytes = unsafe UnsafeMutableRawBufferPointer(
      start: base + Int(truncatingIfNeeded: offset), count: count)
    let span = unsafe MutableRawSpan(_unsafeBytes: bytes)
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}

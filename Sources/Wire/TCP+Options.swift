extension TCP where Bytes: ~Copyable & ~Escapable {
  /// The value of the first option of `kind`, without kind and length; nil if there is none.
  ///
  /// An option whose length cannot be ends the search.
  @inlinable @_lifetime(borrow self)
  public func option(_ kind: UInt8) -> RawSpan? {
    var offset = 20
    while offset &+ 2 <= headerByteCount {
      let found = bytes.load8(offset)
      guard found != 0 else { return nil }
      // Kind 1 fills up and has no length.
      guard found != 1 else {
        offset &+= 1
        continue
      }
      let length = Int(truncatingIfNeeded: bytes.load8(offset &+ 1))
      guard length >= 2, offset &+ length <= headerByteCount else { return nil }
      guard found != kind else { return bytes.slice(from: offset &+ 2, count: length &- 2) }
      offset &+= length
    }
    return nil
  }

  /// The longest payload the sender takes, in bytes (option 2); nil if it does not say.
  @inlinable public var maximumSegmentSize: UInt16? {
    guard let value = option(2), value.byteCount == 2 else { return nil }
    return value.load16(0)
  }

  /// By how many bits windows of the sender are to be shifted (option 3); nil if it does not say.
  @inlinable public var windowScale: UInt8? {
    guard let value = option(3), value.byteCount == 1 else { return nil }
    return value.load8(0)
  }
}

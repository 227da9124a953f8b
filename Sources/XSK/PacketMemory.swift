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

  /// The packet of `count` bytes at `address`; traps if it does not lie inside the memory.
  ///
  /// Whoever calls it owns the frame at `address`: frames never overlap, so neither do two packets.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func packet(at address: UInt64, count: Int) -> PacketBytes {
    let (end, overflow) = address.addingReportingOverflow(UInt64(bitPattern: Int64(count)))
    precondition(!overflow && end <= UInt64(bitPattern: Int64(byteCount)), "bytes outside the UMEM")
    // In bounds by the lines above; `owner` keeps the mapping alive while `self` is borrowed.
    return unsafe PacketBytes(
      base: base + Int(truncatingIfNeeded: address), count: count, in: self)
  }

  /// The `count` bytes at `address`, to read; traps if they do not lie inside the memory.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func span(at address: UInt64, count: Int) -> RawSpan {
    let packet = packet(at: address, count: count)
    // The packet lends from this memory, which is what the span is tied to.
    return unsafe _overrideLifetime(packet.span, borrowing: self)
  }

  /// The `count` bytes at `address`, to read and write; traps if they do not lie inside the memory.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public func mutableSpan(at address: UInt64, count: Int) -> MutableRawSpan {
    var packet = packet(at: address, count: count)
    // The packet lends from this memory, which is what the span is tied to.
    return unsafe _overrideLifetime(packet.mutableSpan, borrowing: self)
  }

  /// Names this memory among all that are alive, for tokens that must come back to it.
  @inlinable public var identity: UInt {
    @inline(__always) get { unsafe UInt(bitPattern: base) }
  }
}

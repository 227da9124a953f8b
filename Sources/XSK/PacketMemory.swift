import Glibc

/// The bytes of a UMEM, for one owner: views of packets by address.
///
/// Holding it keeps the memory mapped. Only this package makes views, because they rest on a
/// promise: whoever asks for a packet owns the frame it lies in, and frames never overlap.
@frozen @safe public struct PacketMemory: ~Copyable {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Bytes of memory, all of them readable and writable.
  public let byteCount: Int
  /// Names this memory among all that are or were, for tokens that must come back to it.
  public let identity: UInt
  /// What keeps the memory mapped.
  @usableFromInline let owner: AnyObject

  /// The `byteCount` bytes at `base`, which stay mapped for as long as `owner` lives.
  ///
  /// Views of the same memory have the same identity, from `makeIdentity`.
  @unsafe public init(
    base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject, identity: UInt
  ) {
    unsafe self.base = base
    self.byteCount = byteCount
    self.owner = owner
    self.identity = identity
  }

  /// What tells memory at `base` from all other that is or was.
  public static func makeIdentity(at base: UnsafeMutableRawPointer) -> UInt {
    // Where it lies tells it from all that live, when it was made from those whose place it took.
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let nanoseconds = UInt(bitPattern: now.tv_sec) &* 1_000_000_000 &+ UInt(bitPattern: now.tv_nsec)
    return UInt(bitPattern: base) ^ nanoseconds &<< 16
  }

  /// The first byte: for the simulated kernel, which writes where the real one would.
  @unsafe package var start: UnsafeMutableRawPointer { unsafe base }

  /// The packet of `count` bytes at `address`, which the caller knows to lie in a frame of its own.
  @inlinable @inline(__always) @_lifetime(borrow self)
  package func packet(at address: UInt64, count: Int) -> PacketBytes {
    assert(
      address <= UInt64(byteCount) && count <= byteCount &- Int(address), "bytes outside the UMEM")
    // In bounds: a frame lies in the memory; `owner` keeps that mapped while `self` is borrowed.
    return unsafe PacketBytes(
      base: base + Int(truncatingIfNeeded: address), count: count, in: self)
  }

  /// The `count` bytes at `address`, to read; as `packet(at:count:)`.
  @inlinable @inline(__always) @_lifetime(borrow self)
  package func span(at address: UInt64, count: Int) -> RawSpan {
    let packet = packet(at: address, count: count)
    // The packet lends from this memory, which is what the span is tied to.
    return unsafe _overrideLifetime(packet.span, borrowing: self)
  }

  /// The `count` bytes at `address`, to read and write; as `packet(at:count:)`.
  @inlinable @inline(__always) @_lifetime(borrow self)
  package func mutableSpan(at address: UInt64, count: Int) -> MutableRawSpan {
    var packet = packet(at: address, count: count)
    // The packet lends from this memory, which is what the span is tied to.
    return unsafe _overrideLifetime(packet.mutableSpan, borrowing: self)
  }

  /// Zeroes `addresses`, in which nobody has a frame.
  package func zero(_ addresses: Range<UInt64>) {
    precondition(addresses.upperBound <= UInt64(byteCount), "bytes outside the UMEM")
    // In bounds by the line above.
    unsafe (base + Int(addresses.lowerBound)).initializeMemory(
      as: UInt8.self, repeating: 0, count: addresses.count)
  }

  /// Copies `count` bytes from one frame of the caller's to another, which do not overlap.
  package func copy(from source: UInt64, to destination: UInt64, count: Int) {
    assert(source <= UInt64(byteCount - count) && destination <= UInt64(byteCount - count))
    // In bounds: both frames lie in the memory, as for `packet(at:count:)`.
    unsafe (base + Int(destination)).copyMemory(from: base + Int(source), byteCount: count)
  }
}

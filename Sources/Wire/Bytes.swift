/// Bytes that a header view stands on: `RawSpan` (to read) or `MutableRawSpan` (to write as well).
///
/// A view checks once, in its `init?`, that every field lies inside the bytes; after that it loads
/// without a check. This file is the only one of the module with unsafe code; debug builds check
/// every load and store here again.
public protocol ByteView: ~Copyable, ~Escapable {
  /// How many bytes there are.
  var byteCount: Int { get }

  /// The same bytes, to read.
  @_lifetime(borrow self)
  borrowing func readOnly() -> RawSpan

  /// The integer at `offset`, in memory order; the caller knows that it ends inside the bytes.
  @unsafe func loadUnchecked<T: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: T.Type
  ) -> T

  /// The `count` bytes from `offset` on; the caller knows that they end inside the bytes.
  @unsafe @_lifetime(copy self)
  consuming func narrowedUnchecked(from offset: Int, count: Int) -> Self
}

/// Bytes that a header view can also write.
public protocol MutableByteView: ByteView, ~Copyable, ~Escapable {
  /// Stores `value` at `offset`, in memory order; the caller knows that it ends inside the bytes.
  @unsafe @_lifetime(self: copy self)
  mutating func storeUnchecked<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int)

  /// The `count` bytes from `offset` on, to write; the caller knows that they end inside the bytes.
  @unsafe @_lifetime(&self)
  mutating func mutableUnchecked(from offset: Int, count: Int) -> MutableRawSpan
}

extension RawSpan: ByteView {
  /// The same bytes.
  @inlinable @inline(__always) @_lifetime(copy self)
  public borrowing func readOnly() -> RawSpan { copy self }

  /// The integer at `offset`, in memory order; the caller knows that it ends inside the bytes.
  @unsafe @inlinable @inline(__always)
  public func loadUnchecked<T: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: T.Type
  ) -> T {
    // In bounds: the caller's promise.
    unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: type)
  }

  /// The `count` bytes from `offset` on; the caller knows that they end inside the bytes.
  @unsafe @inlinable @inline(__always) @_lifetime(copy self)
  public consuming func narrowedUnchecked(from offset: Int, count: Int) -> RawSpan {
    // In bounds: the caller's promise.
    unsafe extracting(unchecked: Range(uncheckedBounds: (offset, offset &+ count)))
  }
}

extension MutableRawSpan: MutableByteView {
  /// The same bytes, to read.
  @inlinable @inline(__always) @_lifetime(borrow self)
  public borrowing func readOnly() -> RawSpan { bytes }

  /// The integer at `offset`, in memory order; the caller knows that it ends inside the bytes.
  @unsafe @inlinable @inline(__always)
  public func loadUnchecked<T: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: T.Type
  ) -> T {
    // In bounds: the caller's promise.
    unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: type)
  }

  /// Stores `value` at `offset`, in memory order; the caller knows that it ends inside the bytes.
  @unsafe @inlinable @inline(__always) @_lifetime(self: copy self)
  public mutating func storeUnchecked<T: FixedWidthInteger & BitwiseCopyable>(
    _ value: T, at offset: Int
  ) {
    // In bounds: the caller's promise.
    unsafe storeBytes(of: value, toUncheckedByteOffset: offset, as: T.self)
  }

  /// The `count` bytes from `offset` on; the caller knows that they end inside the bytes.
  @unsafe @inlinable @inline(__always) @_lifetime(copy self)
  public consuming func narrowedUnchecked(from offset: Int, count: Int) -> MutableRawSpan {
    // In bounds: the caller's promise.
    unsafe _consumingExtracting(unchecked: Range(uncheckedBounds: (offset, offset &+ count)))
  }

  /// The `count` bytes from `offset` on, to write; the caller knows that they end inside the bytes.
  @unsafe @inlinable @inline(__always) @_lifetime(&self)
  public mutating func mutableUnchecked(from offset: Int, count: Int) -> MutableRawSpan {
    // In bounds: the caller's promise.
    unsafe _mutatingExtracting(unchecked: Range(uncheckedBounds: (offset, offset &+ count)))
  }
}

/// Plain bytes, for what no view is made for; every access is checked.
extension ByteView where Self: ~Copyable & ~Escapable {
  /// The byte at `offset`; traps outside the bytes.
  @inlinable @inline(__always)
  public func byte(at offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount, "no byte \(offset)")
    // In bounds by the line above.
    return unsafe loadUnchecked(at: offset, as: UInt8.self)
  }

  /// The eight bytes at `offset` in memory order; traps outside the bytes.
  @inlinable @inline(__always)
  public func word(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && offset <= byteCount &- 8, "no eight bytes at \(offset)")
    // In bounds by the line above.
    return unsafe loadUnchecked(at: offset, as: UInt64.self)
  }
}

/// What the views use: big-endian fields at offsets that the view's `init?` has checked.
extension ByteView where Self: ~Copyable & ~Escapable {
  /// The integer at `offset`, in memory order.
  @inlinable @inline(__always)
  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
    assert(offset >= 0 && offset <= byteCount &- MemoryLayout<T>.size, "load outside the bytes")
    // In bounds: every view checks its length once, in `init?`; debug builds check again above.
    return unsafe loadUnchecked(at: offset, as: type)
  }

  @inlinable @inline(__always)
  func load8(_ offset: Int) -> UInt8 { load(offset, as: UInt8.self) }

  @inlinable @inline(__always)
  func load16(_ offset: Int) -> UInt16 { load(offset, as: UInt16.self).bigEndian }

  @inlinable @inline(__always)
  func load32(_ offset: Int) -> UInt32 { load(offset, as: UInt32.self).bigEndian }

  @inlinable @inline(__always)
  func load64(_ offset: Int) -> UInt64 { load(offset, as: UInt64.self).bigEndian }

  /// The `count` bytes from `offset` on, to read.
  @inlinable @inline(__always) @_lifetime(borrow self)
  borrowing func slice(from offset: Int, count: Int) -> RawSpan {
    assert(offset >= 0 && count >= 0 && offset <= byteCount &- count, "slice outside the bytes")
    // In bounds: every view checks its length once, in `init?`; debug builds check again above.
    return unsafe readOnly().narrowedUnchecked(from: offset, count: count)
  }

  /// Gives these bytes up for the `count` bytes of them from `offset` on.
  @inlinable @inline(__always) @_lifetime(copy self)
  consuming func narrowed(from offset: Int, count: Int) -> Self {
    assert(offset >= 0 && count >= 0 && offset <= byteCount &- count, "slice outside the bytes")
    // In bounds: every view checks its length once, in `init?`; debug builds check again above.
    return unsafe narrowedUnchecked(from: offset, count: count)
  }
}

/// What the views use: stores at offsets that the view's `init?` has checked.
extension MutableByteView where Self: ~Copyable & ~Escapable {
  /// Stores `value` at `offset`, in memory order.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    assert(offset >= 0 && offset <= byteCount &- MemoryLayout<T>.size, "store outside the bytes")
    // In bounds: every view checks its length once, in `init?`; debug builds check again above.
    unsafe storeUnchecked(value, at: offset)
  }

  /// Stores `value` at `offset`, in network byte order.
  @inlinable @inline(__always) @_lifetime(self: copy self)
  mutating func storeBig<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    store(value.bigEndian, at: offset)
  }

  /// The `count` bytes from `offset` on, to write.
  @inlinable @inline(__always) @_lifetime(&self)
  mutating func mutableSlice(from offset: Int, count: Int) -> MutableRawSpan {
    assert(offset >= 0 && count >= 0 && offset <= byteCount &- count, "slice outside the bytes")
    // In bounds: every view checks its length once, in `init?`; debug builds check again above.
    return unsafe mutableUnchecked(from: offset, count: count)
  }
}

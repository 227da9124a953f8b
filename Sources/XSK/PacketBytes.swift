/// The bytes of one packet in a UMEM, to be lent out as spans; made by `PacketMemory`.
///
/// Not copyable, so that a writable span excludes every other view made from it.
@frozen @safe public struct PacketBytes: ~Copyable, ~Escapable {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Number of bytes.
  public let count: Int

  @inlinable @inline(__always) @_lifetime(borrow memory)
  init(base: UnsafeMutableRawPointer, count: Int, in memory: borrowing PacketMemory) {
    unsafe self.base = base
    self.count = count
  }

  /// The bytes, to read.
  @inlinable public var span: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      // `count` bytes are mapped at `base` for as long as the memory is borrowed, hence `self`.
      let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
      let span = unsafe RawSpan(_unsafeBytes: bytes)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The last `count` bytes in front of the packet, to read; the caller knows that they are the
  /// memory's too.
  @_lifetime(borrow self)
  package func front(_ count: Int) -> RawSpan {
    // Mapped like the bytes behind them, by what the caller knows.
    let bytes = unsafe UnsafeRawBufferPointer(start: base - count, count: count)
    let span = unsafe RawSpan(_unsafeBytes: bytes)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The bytes, to read and write.
  @inlinable public var mutableSpan: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get {
      // As in `span`; `&self` keeps other views away while this one is in use.
      let bytes = unsafe UnsafeMutableRawBufferPointer(start: base, count: count)
      let span = unsafe MutableRawSpan(_unsafeBytes: bytes)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }
}

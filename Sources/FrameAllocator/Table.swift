/// A fixed number of trivial values in memory of their own: the allocator's bookkeeping.
///
/// The one file of this module with pointers. An array would check uniqueness on every write; this
/// checks only the index, and always does, because indices come from addresses that others wrote.
@frozen @usableFromInline @safe struct Table<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline let base: UnsafeMutablePointer<Element>
  @usableFromInline let count: Int

  /// `count` copies of `value`.
  @inlinable init(repeating value: Element, count: Int) {
    unsafe base = .allocate(capacity: count)
    unsafe base.initialize(repeating: value, count: count)
    self.count = count
  }

  @inlinable deinit {
    unsafe base.deallocate()
  }

  /// The value at `index`; traps outside `0 ..< count`.
  @inlinable subscript(index: Int) -> Element {
    @inline(__always) get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      return unsafe base[index]
    }
    @inline(__always) set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      unsafe base[index] = newValue
    }
  }
}

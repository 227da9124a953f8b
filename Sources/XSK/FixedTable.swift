/// A fixed number of plain values at a place that stays: no reference, no copy on write, no check
/// but an assertion, so that loops can keep books in it.
@frozen @safe @usableFromInline package struct FixedTable<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline let base: UnsafeMutablePointer<Element>
  /// How many values there are.
  @usableFromInline package let count: Int

  /// `count` copies of `element`.
  package init(repeating element: Element, count: Int) {
    unsafe base = .allocate(capacity: count)
    unsafe base.initialize(repeating: element, count: count)
    self.count = count
  }

  deinit { unsafe base.deallocate() }

  /// Whether there is a value of this number: whoever has the number from outside asks.
  @inlinable @inline(__always)
  package func contains(_ index: UInt64) -> Bool { index < UInt64(truncatingIfNeeded: count) }

  @inlinable package subscript(index: Int) -> Element {
    // The caller has checked the number.
    @inline(__always) get {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      return unsafe base[index]
    }
    @inline(__always) nonmutating _modify {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      yield unsafe &base[index]
    }
  }
}

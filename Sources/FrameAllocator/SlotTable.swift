/// The entries of `SlotMap`, zero at first: who has a window's slot, and where that begins.
///
/// Each of the two is written by itself, and both are compared at once.
@frozen @usableFromInline @safe struct SlotTable: @unchecked Sendable {
  @frozen @usableFromInline struct Entry: BitwiseCopyable {
    /// The granule of the window.
    @usableFromInline var start: UInt8
    @usableFromInline var custody: UInt8
  }

  @usableFromInline let base: UnsafeMutablePointer<Entry>
  @usableFromInline let count: Int

  init(_ table: Table<Entry>) {
    unsafe base = table.base
    count = table.count
  }

  /// What `subscript(both:)` reads of an entry.
  @inlinable @inline(__always)
  static func both(_ custody: Custody, start: UInt64) -> UInt16 {
    // As in memory, on machines that put the low byte first: all that Linux has Swift for.
    UInt16(custody.rawValue) &<< 8 | UInt16(truncatingIfNeeded: start)
  }

  @inlinable subscript(both index: Int) -> UInt16 {
    @inline(__always) get {
      // Tables begin on a cache line, so an entry is a word.
      unsafe UnsafeRawPointer(base + checked(index)).load(as: UInt16.self)
    }
  }

  @inlinable subscript(custodyIn index: Int) -> UInt8 {
    @inline(__always) get { unsafe base[checked(index)].custody }
    @inline(__always) nonmutating set { unsafe base[checked(index)].custody = newValue }
  }

  @inlinable subscript(startIn index: Int) -> UInt8 {
    @inline(__always) get { unsafe base[checked(index)].start }
    @inline(__always) nonmutating set { unsafe base[checked(index)].start = newValue }
  }

  @inlinable @inline(__always)
  func checked(_ index: Int) -> Int {
    assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
    return index
  }
}

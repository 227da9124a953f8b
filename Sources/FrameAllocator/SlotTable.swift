public import Synchronization

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

  /// An entry that no other thread writes at this time: a plain load, which becomes part of the
  /// comparison that it is for.
  @inlinable @inline(__always)
  func own(_ index: Int) -> UInt16 {
    // Tables begin on a cache line, so an entry is a word.
    unsafe UnsafeRawPointer(base + checked(index)).load(as: UInt16.self)
  }

  /// The custody of such an entry.
  @inlinable @inline(__always)
  func ownCustody(_ index: Int) -> UInt8 { unsafe base[checked(index)].custody }

  /// An entry, which may be a neighbour's and change meanwhile.
  @inlinable subscript(both index: Int) -> UInt16 {
    @inline(__always) get {
      // An atomic word has the size and the alignment of what is in it.
      let word = unsafe UnsafeRawPointer(base + checked(index))
        .assumingMemoryBound(to: Atomic<UInt16>.self)
      return unsafe word.pointee.load(ordering: .relaxed)
    }
  }

  /// An entry's custody, which others may read at the same time.
  @inlinable subscript(custodyIn index: Int) -> UInt8 {
    @inline(__always) get { unsafe custody(index).pointee.load(ordering: .relaxed) }
    @inline(__always) nonmutating set {
      unsafe custody(index).pointee.store(newValue, ordering: .relaxed)
    }
  }

  /// An entry's start, which others may read at the same time.
  @inlinable subscript(startIn index: Int) -> UInt8 {
    @inline(__always) get { unsafe start(index).pointee.load(ordering: .relaxed) }
    @inline(__always) nonmutating set {
      unsafe start(index).pointee.store(newValue, ordering: .relaxed)
    }
  }

  /// An entry's custody; what its writer wrote before it published it is then seen as well.
  @inlinable @inline(__always)
  func acquiredCustody(_ index: Int) -> UInt8 {
    unsafe custody(index).pointee.load(ordering: .acquiring)
  }

  /// Writes an entry's custody so that whoever acquires it sees what was written before.
  @inline(__always)
  func publish(_ custody: UInt8, at index: Int) {
    unsafe self.custody(index).pointee.store(custody, ordering: .releasing)
  }

  @inlinable @inline(__always)
  func start(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    let entry = unsafe UnsafeMutableRawPointer(base + checked(index))
    // An atomic byte has the size of what is in it; the start is the first of the two.
    return unsafe entry.assumingMemoryBound(to: Atomic<UInt8>.self)
  }

  @inlinable @inline(__always)
  func custody(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    unsafe start(index) + 1
  }

  @inlinable @inline(__always)
  func checked(_ index: Int) -> Int {
    assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
    return index
  }
}

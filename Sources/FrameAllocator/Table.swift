public import Synchronization

/// A fixed number of trivial values, zero at first: the allocator's bookkeeping.
///
/// A view; the memory belongs to a `TableMemory`, which whoever keeps tables keeps beside them. An
/// array would check uniqueness on every write. Indices are checked in debug builds only: those
/// that come from addresses which others wrote are checked by whoever takes the address in.
@frozen @usableFromInline @safe struct Table<Element: BitwiseCopyable>: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Element>
  @usableFromInline let count: Int

  @inlinable init(base: UnsafeMutablePointer<Element>, count: Int) {
    unsafe self.base = unsafe base
    self.count = count
  }

  @inlinable subscript(index: Int) -> Element {
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

/// A fixed number of 16-bit words, zero at first, that several threads read and write.
///
/// Relaxed loads and stores, which cost as much as plain ones: what orders them is how frames and
/// nodes change hands, a mailbox or the pool's lock.
@frozen @usableFromInline @safe struct SharedTable: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Atomic<UInt16>>
  @usableFromInline let count: Int

  @inlinable init(base: UnsafeMutablePointer<Atomic<UInt16>>, count: Int) {
    unsafe self.base = unsafe base
    self.count = count
  }

  @inlinable subscript(index: Int) -> UInt16 {
    @inline(__always) get {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      return unsafe base[index].load(ordering: .relaxed)
    }
    @inline(__always) nonmutating set {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      unsafe base[index].store(newValue, ordering: .relaxed)
    }
  }
}

extension SharedTable {
  /// The word at `index`, which no other thread writes at this time: a plain load, which becomes
  /// part of the comparison that it is for.
  @inlinable @inline(__always)
  func own(_ index: Int) -> UInt16 {
    assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
    // An atomic word has the size and the alignment of what is in it.
    return unsafe UnsafeRawPointer(base + index).load(as: UInt16.self)
  }

  /// The word at `index`; what its writer wrote before it published it is then seen as well.
  @inlinable @inline(__always)
  func acquired(_ index: Int) -> UInt16 {
    assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
    return unsafe base[index].load(ordering: .acquiring)
  }

  /// Writes the word at `index` so that whoever acquires it sees what was written before.
  @inline(__always)
  func publish(_ value: UInt16, at index: Int) {
    assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
    unsafe base[index].store(value, ordering: .releasing)
  }
}

/// The same for bytes.
@frozen @usableFromInline @safe struct SharedBytes: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Atomic<UInt8>>
  @usableFromInline let count: Int

  @inlinable init(base: UnsafeMutablePointer<Atomic<UInt8>>, count: Int) {
    unsafe self.base = unsafe base
    self.count = count
  }

  @inlinable subscript(index: Int) -> UInt8 {
    @inline(__always) get {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      return unsafe base[index].load(ordering: .relaxed)
    }
    @inline(__always) nonmutating set {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
      unsafe base[index].store(newValue, ordering: .relaxed)
    }
  }

  /// The byte at `index`, which no other thread writes at this time: a plain load.
  @inlinable @inline(__always)
  func own(_ index: Int) -> UInt8 {
    assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the table")
    // An atomic byte has the size of what is in it.
    return unsafe UnsafeRawPointer(base + index).load(as: UInt8.self)
  }
}

/// A cursor that one thread writes and another reads, alone on its cache lines.
@frozen @usableFromInline @safe struct SharedCursor: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Atomic<UInt32>>

  init(base: UnsafeMutablePointer<Atomic<UInt32>>) { unsafe self.base = unsafe base }

  @inlinable var acquired: UInt32 {
    @inline(__always) get { unsafe base.pointee.load(ordering: .acquiring) }
  }

  @inlinable @inline(__always)
  func publish(_ value: UInt32) {
    unsafe base.pointee.store(value, ordering: .releasing)
  }
}

/// Owns the memory of tables and frees it with itself.
@usableFromInline @safe final class TableMemory: @unchecked Sendable {
  private var blocks: [UnsafeMutableRawPointer]
  /// Bytes of all tables.
  private(set) var byteCount = 0

  init() { unsafe blocks = [] }

  deinit {
    for index in unsafe blocks.indices {
      let block = unsafe blocks[index]
      unsafe block.deallocate()
    }
  }

  func table<Element: BitwiseCopyable>(of type: Element.Type, count: Int) -> Table<Element> {
    let count = max(1, count)
    let block = unsafe allocate(count * MemoryLayout<Element>.stride)
    return unsafe Table(base: block.bindMemory(to: Element.self, capacity: count), count: count)
  }

  func sharedTable(count: Int) -> SharedTable {
    let count = max(1, count)
    let block = unsafe allocate(count * MemoryLayout<UInt16>.stride)
    return unsafe SharedTable(
      base: block.bindMemory(to: Atomic<UInt16>.self, capacity: count), count: count)
  }

  func sharedBytes(count: Int) -> SharedBytes {
    let count = max(1, count)
    let block = unsafe allocate(count)
    return unsafe SharedBytes(
      base: block.bindMemory(to: Atomic<UInt8>.self, capacity: count), count: count)
  }

  func sharedCursor() -> SharedCursor {
    let block = unsafe allocate(TableMemory.padding)
    return unsafe SharedCursor(base: block.bindMemory(to: Atomic<UInt32>.self, capacity: 1))
  }

  /// Two cache lines: processors fetch them in pairs.
  private static let padding = 128

  /// Zeroed memory that shares no cache line with other blocks.
  private func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let padded = (byteCount + Self.padding - 1) / Self.padding * Self.padding
    let block = UnsafeMutableRawPointer.allocate(byteCount: padded, alignment: Self.padding)
    unsafe block.initializeMemory(as: UInt8.self, repeating: 0, count: padded)
    unsafe blocks.append(block)
    self.byteCount += padded
    return unsafe block
  }
}

/// Eight bytes at once.
enum Lanes {
  /// The highest byte of both words.
  @inline(__always)
  static func max(_ one: UInt64, _ other: UInt64) -> Int {
    // Both types are eight bytes, of any bits.
    let (first, second) = unsafe (
      unsafeBitCast(one, to: SIMD8<UInt8>.self), unsafeBitCast(other, to: SIMD8<UInt8>.self)
    )
    let eight = first.replacing(with: second, where: first .< second)
    let (low, high) = (eight.lowHalf, eight.highHalf)
    let four = low.replacing(with: high, where: low .< high)
    return Int(Swift.max(Swift.max(four.x, four.y), Swift.max(four.z, four.w)))
  }
}

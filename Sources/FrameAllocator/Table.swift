public import Synchronization

/// A fixed number of trivial values, zero at first: the allocator's bookkeeping.
///
/// A view; the memory belongs to a `TableMemory`, which whoever keeps tables keeps beside them. An
/// array would check uniqueness on every write. Indices are checked in debug builds only: those
/// that come from addresses which others wrote are checked by whoever takes the address in.
@frozen @usableFromInline @safe
struct Table<Element: BitwiseCopyable>: BitwiseCopyable,
  @unchecked Sendable
{
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

/// A cursor that one thread writes and another reads, alone on its cache lines.
@frozen @usableFromInline @safe struct SharedCursor: BitwiseCopyable, @unchecked Sendable {
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

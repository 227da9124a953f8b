/// Something per port of an engine, by the port's number.
///
/// Engines that share their memory number their ports through, so that a number tells whose a frame
/// is: the ports of one are a stretch of numbers that begins at `first`. Whoever takes a number
/// from outside asks `indices` first: after that an element is reached without a check.
@frozen @safe @usableFromInline package struct PortTable<Element: ~Copyable>: ~Copyable {
  /// Where the element numbered 0 would lie.
  @usableFromInline let base: UnsafeMutablePointer<Element>
  @usableFromInline package let first: Int
  @usableFromInline package private(set) var count = 0
  private let capacity: Int

  /// No elements; there may be `capacity`, numbered from `first`.
  package init(first: Int, capacity: Int) {
    let elements = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    unsafe base = elements - first
    self.first = first
    self.capacity = capacity
  }

  deinit {
    // The elements that were appended, and the memory that `init` got.
    unsafe (base + first).deinitialize(count: count)
    unsafe (base + first).deallocate()
  }

  /// The numbers of all elements.
  @inlinable package var indices: Range<Int> {
    @inline(__always) get { first..<first &+ count }
  }

  /// The number that the next element gets.
  package var nextIndex: Int { first + count }

  /// Adds an element behind the last; traps if there is no room.
  package mutating func append(_ element: consuming Element) {
    precondition(count < capacity, "there is no room for a further port")
    unsafe (base + nextIndex).initialize(to: element)
    count += 1
  }

  /// Traps if there is no element of this number.
  @inlinable @inline(__always)
  package func check(_ index: Int) {
    precondition(
      UInt(bitPattern: index &- first) < UInt(bitPattern: count), "this engine has no such port")
  }

  @inlinable package subscript(index: Int) -> Element {
    // The caller has checked the number.
    @inline(__always) _read {
      assert(indices.contains(index), "this engine has no such port")
      yield unsafe base[index]
    }
    @inline(__always) _modify {
      assert(indices.contains(index), "this engine has no such port")
      yield unsafe &base[index]
    }
  }
}

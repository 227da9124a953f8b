/// Consecutive entries of a ring that do not go round its end: what a loop walks by pointer.
///
/// A ring opens a run where it stands and closes it later, which moves the ring to where the run
/// has come. In between the ring stands still: nothing else may take from it or put into it. A
/// closed run is empty, and closing it again does nothing. A run is valid for as long as the ring's
/// memory is, which is why runs stay inside this package.
@frozen @safe @usableFromInline package struct RingRun<Entry: BitwiseCopyable>: BitwiseCopyable {
  @usableFromInline var cursor: UnsafeMutablePointer<Entry>
  @usableFromInline var end: UnsafeMutablePointer<Entry>

  @inlinable @inline(__always)
  init(from cursor: UnsafeMutablePointer<Entry>, count: UInt32) {
    unsafe self.cursor = cursor
    unsafe end = cursor + Int(truncatingIfNeeded: count)
  }

  /// The run of a ring that has none open: nothing is left of it.
  @inlinable package static var closed: RingRun {
    @inline(__always) get {
      // Never read or written; no ring lies there.
      let nowhere = unsafe UnsafeMutablePointer<Entry>(bitPattern: MemoryLayout<Entry>.alignment)
      return unsafe RingRun(from: nowhere.unsafelyUnwrapped, count: 0)
    }
  }

  /// Whether this is no ring's open run.
  @inlinable package var isClosed: Bool {
    @inline(__always) get { unsafe end == RingRun.closed.end }
  }

  /// Whether nothing is left of the run; the ring may have more.
  @inlinable package var isEmpty: Bool {
    @inline(__always) get { unsafe cursor == end }
  }

  /// Entries left.
  @inlinable package var count: UInt32 {
    @inline(__always) get { unsafe RingRun(from: end, count: 0).distance(from: cursor) }
  }

  /// Entries between `start`, an earlier copy of the run, and where it is now.
  @inlinable @inline(__always)
  package func distance(from start: RingRun) -> UInt32 { unsafe distance(from: start.cursor) }

  /// Entries between `start`, where the run was opened, and where it is now.
  @inlinable @inline(__always)
  func distance(from start: UnsafeMutablePointer<Entry>) -> UInt32 {
    // Unsigned, so that the division is a shift.
    let bytes = unsafe UInt(bitPattern: cursor) &- UInt(bitPattern: start)
    return UInt32(truncatingIfNeeded: bytes / UInt(MemoryLayout<Entry>.stride))
  }

  /// The next entry of a consumer's run, which has one.
  @inlinable package var first: Entry {
    @inline(__always) get {
      assert(!isEmpty, "an entry beyond the run")
      return unsafe cursor.pointee
    }
  }

  /// Goes past the next entry.
  @inlinable @inline(__always)
  package mutating func skip() {
    assert(!isEmpty, "beyond the run")
    unsafe cursor += 1
  }

  /// Ends the run behind the next entry; the ring has the others still.
  package mutating func keepFirst() {
    guard !isEmpty else { return }
    unsafe end = cursor + 1
  }

  /// Takes the next entry of a consumer's run, which has one.
  @inlinable @inline(__always)
  package mutating func take() -> Entry {
    let entry = first
    skip()
    return entry
  }

  /// Writes the next entry of a producer's run, which has room for one.
  @inlinable @inline(__always)
  package mutating func put(_ entry: Entry) {
    assert(!isEmpty, "an entry beyond the run")
    unsafe cursor.pointee = entry
    unsafe cursor += 1
  }
}

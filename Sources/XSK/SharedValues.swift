/// A fixed number of trivial values that the engines of several threads reach, each value by one
/// thread at a time: whoever has what the value is about.
///
/// What hands that over from one thread to the next orders the value's reads and writes too.
@safe public final class SharedValues<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Element>
  /// How many there are.
  public let count: Int

  /// `count` times `value`.
  public init(repeating value: Element, count: Int) {
    unsafe base = .allocate(capacity: count)
    unsafe base.initialize(repeating: value, count: count)
    self.count = count
  }

  deinit { unsafe base.deallocate() }

  /// The value at `index`; traps if there is none.
  public subscript(index: Int) -> Element {
    get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such value")
      return unsafe base[index]
    }
    set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such value")
      unsafe base[index] = newValue
    }
  }
}

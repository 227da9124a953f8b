import Synchronization

/// A value that threads take turns with: whoever works with it has it alone, others wait.
///
/// The caller vouches that nothing outside refers to what is in it; only that makes it one thread's
/// at a time.
package final class Berth<Value: ~Copyable>: @unchecked Sendable {
  private let mutex = Mutex<Void>(())
  private var value: Value

  package init(_ value: consuming Value) { self.value = value }

  /// Works with the value, alone; waits for whoever does at present.
  package func with<R, E: Error>(
    _ body: (inout Value) throws(E) -> R
  ) throws(E) -> R {
    try mutex.withLock { _ throws(E) in try body(&value) }
  }
}

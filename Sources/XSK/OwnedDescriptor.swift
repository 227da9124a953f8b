import Glibc

/// A file descriptor with one owner, closed when the owner lets it go.
struct OwnedDescriptor: ~Copyable {
  let value: Int32

  /// Takes over `value`, or gives nil and leaves `errno` alone if a system call answered -1.
  init?(_ value: Int32) {
    guard value >= 0 else { return nil }
    self.value = value
  }

  /// Leaves the descriptor to the caller, who closes it.
  consuming func take() -> Int32 {
    let value = value
    discard self
    return value
  }

  deinit {
    close(value)
  }
}

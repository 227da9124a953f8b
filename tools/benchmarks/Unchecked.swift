import Glibc

// The one file of the benchmarks with pointers: references in Swift are to run as fast as in C, and
// malloc speaks no other language.

/// A fixed number of trivial values, with indices checked in debug builds only, as in the
/// allocator's own tables.
///
/// Lives as long as the program: a benchmark takes its memory once.
@safe struct Cells<Element: BitwiseCopyable>: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  init(repeating value: Element, count: Int) {
    self.count = count
    unsafe base = .allocate(capacity: max(1, count))
    unsafe base.initialize(repeating: value, count: count)
  }

  @inline(__always)
  subscript(index: Int) -> Element {
    get {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the cells")
      return unsafe base[index]
    }
    nonmutating set {
      assert(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the cells")
      unsafe base[index] = newValue
    }
  }
}

/// The C library's allocator: memory of any length from anywhere.
struct SystemMalloc: FrameSource {
  @inline(__always)
  mutating func give(_ byteCount: Int) -> UInt64? {
    // An address is a number here: nothing is read or written through it.
    unsafe UInt64(UInt(bitPattern: malloc(byteCount)))
  }

  @inline(__always)
  mutating func takeBack(_ frame: UInt64) {
    // Each address came from `give` and is given back once.
    unsafe free(UnsafeMutableRawPointer(bitPattern: UInt(frame)))
  }
}

private final class Job: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Runs `body` on a thread of its own, beside the caller.
func onThread(_ body: @escaping @Sendable () -> Void) {
  var thread = pthread_t()
  // The thread takes over the job's only reference.
  let job = unsafe Unmanaged.passRetained(Job(body))
  let error = unsafe pthread_create(
    &thread, nil,
    { raw in
      guard let raw = unsafe raw else { return nil }
      let job = unsafe Unmanaged<Job>.fromOpaque(raw).takeRetainedValue()
      job.body()
      return nil
    }, job.toOpaque())
  precondition(error == 0, "no thread can be made: \(error)")
  pthread_detach(thread)
}

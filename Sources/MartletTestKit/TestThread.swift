internal import CXDP
internal import Glibc
internal import Synchronization

/// A thread of its own for a part of a test: it may block, and its network namespace may be
/// changed, without harm to the threads that Swift's tasks run on.
///
/// A new thread stands in the network namespace of the one that made it. Inside, leave alone what
/// makes further threads behind your back: `Task`, Dispatch, Foundation's `Process`.
public final class TestThread<Result: Sendable>: Sendable {
  private let outcome = Outcome<Result>()

  /// Starts `body` on a thread of its own.
  public init(_ body: @escaping @Sendable () throws -> Result) {
    let outcome = outcome
    detachThread {
      outcome.set(Swift.Result { try body() })
    }
  }

  /// Whether the body has ended.
  public var isOver: Bool { outcome.isSet }

  /// Waits until the body has ended, and returns or throws what it returned or threw.
  public func join() throws -> Result {
    try outcome.wait().get()
  }
}

/// One value that one thread sets and others wait for.
private final class Outcome<Value: Sendable>: Sendable {
  private let value = Mutex<Result<Value, any Error>?>(nil)
  private let semaphore = Semaphore()

  var isSet: Bool { value.withLock { $0 != nil } }

  func set(_ result: Result<Value, any Error>) {
    value.withLock { $0 = result }
    semaphore.post()
  }

  func wait() -> Result<Value, any Error> {
    while true {
      if let result = value.withLock({ $0 }) { return result }
      semaphore.wait()
      semaphore.post()
    }
  }
}

/// A POSIX semaphore at an address of its own.
@safe private final class Semaphore: @unchecked Sendable {
  private let word: UnsafeMutablePointer<sem_t>

  init() {
    unsafe word = .allocate(capacity: 1)
    // The memory is ours and has the size and alignment of sem_t.
    unsafe sem_init(word, 0, 0)
  }

  deinit {
    // Nobody waits any more: whoever does holds a reference.
    unsafe sem_destroy(word)
    unsafe word.deallocate()
  }

  // The word is initialised, and sem_t is made to be used from several threads.
  func post() { _ = unsafe sem_post(word) }
  func wait() { while unsafe sem_wait(word) != 0 {} }
}

/// The body of a thread on its way through pthread_create's pointer.
private final class Body: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs `body` on a new thread that nobody joins.
func detachThread(_ body: @escaping @Sendable () -> Void) {
  var attributes = pthread_attr_t()
  var thread = pthread_t()
  // The pointer carries one reference to the body, which the thread takes over.
  let code = unsafe withUnsafeMutablePointer(to: &attributes) { attributes in
    unsafe pthread_attr_init(attributes)
    defer { unsafe pthread_attr_destroy(attributes) }
    unsafe pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
    return unsafe pthread_create(
      &thread, attributes,
      { pointer in
        guard let pointer = unsafe pointer else { return nil }
        unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(Body(body)).toOpaque())
  }
  precondition(code == 0, "pthread_create failed with \(code)")
}

import Glibc
import Synchronization

/// A count that test threads share.
final class Tally: Sendable {
  private let count = Atomic<Int>(0)

  func add(_ number: Int) { count.add(number, ordering: .relaxed) }

  var value: Int { count.load(ordering: .relaxed) }
}

private final class Job: Sendable {
  let number: Int
  let body: @Sendable (Int) -> Void

  init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
    self.number = number
    self.body = body
  }
}

/// Runs `body` on `count` threads of their own, numbered from 0, and waits until all have ended.
///
/// They report through values they share: what a thread without a test expects has no place to
/// fail.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  var threads = [pthread_t](repeating: pthread_t(), count: count)
  for number in 0..<count {
    let job = unsafe Unmanaged.passRetained(Job(number, body))
    // The thread takes over the job's only reference.
    let error = unsafe pthread_create(
      &threads[number], nil,
      { raw in
        guard let raw = unsafe raw else { return nil }
        let job = unsafe Unmanaged<Job>.fromOpaque(raw).takeRetainedValue()
        job.body(job.number)
        return nil
      }, job.toOpaque())
    precondition(error == 0, "no thread can be made: \(error)")
  }
  for thread in threads { pthread_join(thread, nil) }
}

/// Whether tests are to run as long as a night allows.
let isNightly = unsafe getenv("MARTLET_NIGHTLY") != nil

import CXDP
import Glibc
import Synchronization
import Testing
import XSK

struct WorkerThreadTests {
  @Test("A thread takes the signals of the one that starts it, or none", arguments: [true, false])
  func signals(takesSignals: Bool) throws {
    let before = isInterruptBlocked()
    let seen = Atomic(-1)
    do {
      let thread = try WorkerThread(takesSignals: takesSignals) {
        seen.store(isInterruptBlocked() ? 1 : 0, ordering: .relaxed)
      }
      #expect(isInterruptBlocked() == before)
      // Waited for where it goes.
      _ = consume thread
    }
    #expect((seen.load(ordering: .relaxed) == 1) == (before || !takesSignals))
  }
}

/// Whether SIGINT waits until the calling thread lets it through.
private func isInterruptBlocked() -> Bool {
  var mask = sigset_t()
  // The kernel writes the mask, which is read then.
  return unsafe pthread_sigmask(SIG_BLOCK, nil, &mask) == 0 && sigismember(&mask, SIGINT) == 1
}

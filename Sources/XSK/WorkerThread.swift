import CXDP
import Glibc
import SystemPackage

/// A thread of its own for work that may block (pthread); when the value goes, it waits for the
/// work's end.
///
/// It stands in the network namespace of the thread that made it, runs on the same processors and
/// takes the same signals, or none.
public struct WorkerThread: ~Copyable {
  private let thread: pthread_t

  /// Starts `work` on a thread of its own; without `takesSignals` no signal interrupts it.
  ///
  /// Throws if there may be no further thread.
  public init(
    takesSignals: Bool = true, _ work: @escaping @Sendable () -> Void
  ) throws(XDPError) {
    var thread = pthread_t()
    var (all, before) = (sigset_t(), sigset_t())
    if !takesSignals {
      // A thread begins with the mask of the one that starts it.
      unsafe sigfillset(&all)
      unsafe pthread_sigmask(SIG_BLOCK, &all, &before)
    }
    defer { if !takesSignals { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) } }
    let body = unsafe Unmanaged.passRetained(Body(work))
    // The pointer carries one reference to the body, which the thread takes over.
    let code = unsafe pthread_create(
      &thread, nil,
      { pointer in
        guard let pointer = unsafe pointer else { return nil }
        unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      // No thread took it over.
      unsafe body.release()
      throw XDPError(
        .system, operation: "start a thread", reason: "\(Errno(rawValue: code))",
        remedy: "look at the limits (ulimit -u)", errno: Errno(rawValue: code))
    }
    self.thread = thread
  }

  deinit {
    // Joined once, as the value has one owner.
    _ = pthread_join(thread, nil)
  }
}

/// The work of a thread on its way through pthread_create's pointer.
private final class Body: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

import CXDP
import Glibc
import SystemPackage

/// Turns SIGINT and SIGTERM into something a poll set can wait for (`signalfd`), and where it would
/// end the process SIGHUP, which a closed terminal sends.
///
/// For the thread that calls, before it starts others: any thread that takes a signal may get it.
/// While it lives, the calling thread does not die of them; threads it starts inherit that. What
/// was blocked before is blocked again when it goes.
public struct SignalWatch: ~Copyable {
  private let descriptor: OwnedDescriptor
  private let before: sigset_t

  /// Takes the signals over for the calling thread.
  public init() throws(XDPError) {
    var wanted = sigset_t()
    var before = sigset_t()
    // Both sets are ours; the kernel reads one and writes the other.
    unsafe sigemptyset(&wanted)
    unsafe sigaddset(&wanted, SIGINT)
    unsafe sigaddset(&wanted, SIGTERM)
    // Not where it is ignored (nohup), or the application has something else to do then.
    var present = sigaction()
    unsafe sigaction(SIGHUP, nil, &present)
    if unsafe present.__sigaction_handler.sa_handler == nil { unsafe sigaddset(&wanted, SIGHUP) }
    unsafe pthread_sigmask(SIG_BLOCK, &wanted, &before)
    guard let descriptor = OwnedDescriptor(unsafe cxdp_signalfd(&wanted)) else {
      let failure = Errno(rawValue: errno)
      unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
      throw XDPError(
        .system, operation: "watch for signals", reason: "no signalfd (\(failure))",
        remedy: "look at the limits (ulimit -a)", errno: failure)
    }
    self.descriptor = descriptor
    self.before = before
  }

  deinit {
    // A signal that came and was not drained must not end the program now.
    _ = drain()
    var mask = before
    unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
  }

  /// Readable when a signal came.
  ///
  /// The watch owns it.
  public var fileDescriptor: Int32 { descriptor.value }

  /// Takes every signal that came and says whether there was one.
  ///
  /// Never waits.
  public func drain() -> Bool {
    var came = false
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    // The kernel writes one whole structure or nothing.
    while unsafe read(descriptor.value, &information, size) == size { came = true }
    return came
  }
}

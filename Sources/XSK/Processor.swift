import CXDP
import Glibc
import SystemPackage

/// One processor of the machine, by the kernel's number.
public struct Processor: Sendable, Hashable {
  /// The kernel's number, counting from 0.
  public let number: Int

  /// Processor `number`; whether there is one shows when a thread is pinned to it.
  public init(_ number: Int) { self.number = number }

  /// Lets some two microseconds pass in which the calling thread looks at no memory.
  package static func relax() { cxdp_relax(relaxRounds) }

  /// Puts the calling thread to sleep for 20 microseconds and, unless another timer's interrupt
  /// comes before, its timer slack.
  ///
  /// One system call, nanosleep(2). A signal ends it.
  package static func doze() {
    var moment = timespec(tv_sec: 0, tv_nsec: 20_000)
    // The kernel reads the time.
    _ = unsafe nanosleep(&moment, nil)
  }

  /// How late the kernel may wake the calling thread when a time is over: 50 microseconds unless
  /// somebody set it (`PR_SET_TIMERSLACK`), 0 for threads with a real-time policy.
  package static var timerSlack: Duration { .nanoseconds(cxdp_timer_slack()) }

  /// How long a pause takes differs between processors by several times.
  private static let relaxRounds: UInt32 = 80

  /// Keeps the calling thread, and threads it starts later, on this processor
  /// (`sched_setaffinity`).
  ///
  /// Throws if there is no such processor or this process may not use it.
  public func pinThread() throws(XDPError) {
    let operation = "run on processor \(number)"
    let remedy = "choose one of Cpus_allowed_list in /proc/self/status"
    guard (0..<Self.limit).contains(number) else {
      throw XDPError(
        .configuration, operation: operation, reason: "there is no such processor", remedy: remedy)
    }
    var bits = [UInt64](repeating: 0, count: number / 64 + 1)
    bits[number / 64] = 1 << (number % 64)
    // The kernel reads the words of the array.
    guard unsafe cxdp_pin(&bits, bits.count) == 0 else {
      let failure = Errno(rawValue: errno)
      throw XDPError(
        .configuration, operation: operation, reason: "the kernel does not allow it (\(failure))",
        remedy: remedy, errno: failure)
    }
  }

  /// Those that the calling thread may run on.
  public static var available: [Processor] {
    var bits = [UInt64](repeating: 0, count: limit / 64)
    // The kernel writes at most the words of the array.
    let byteCount = unsafe cxdp_affinity(&bits, bits.count)
    guard byteCount > 0 else { return [] }
    return (0..<byteCount * 8).filter { bits[$0 / 64] >> (UInt64($0) % 64) & 1 == 1 }
      .map { Processor($0) }
  }

  /// Most processors that Linux can be built for, by far.
  private static let limit = 1 << 16
}

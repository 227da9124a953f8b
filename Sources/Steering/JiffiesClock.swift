import CXDP
import Glibc
import SystemPackage
import XSK

/// The kernel's tick counter, which the program compares because reading it costs next to nothing.
///
/// User space cannot read it: it is asked for once, and then told by a clock that the same tick
/// drives (`CLOCK_MONOTONIC_COARSE`). Right to a tick or two.
struct JiffiesClock {
  /// Nanoseconds of one tick.
  let tick: UInt64
  private let nanoseconds: UInt64
  private let jiffies: UInt64

  /// Asks the kernel, with a program of three instructions.
  init() throws(XDPError) {
    var resolution = timespec()
    // The kernel writes one structure.
    _ = unsafe clock_getres(CLOCK_MONOTONIC_COARSE, &resolution)
    tick = max(1, UInt64(resolution.tv_nsec))
    var jiffies: UInt64 = 0
    // Both within one tick, or the next time.
    for _ in 0..<16 {
      let before = Self.now
      // The shim writes one number.
      let result = unsafe cxdp_jiffies(&jiffies)
      guard result == 0 else { throw loadError(Errno(rawValue: -result), log: "") }
      if Self.now == before { break }
    }
    nanoseconds = Self.now
    self.jiffies = jiffies
  }

  /// Nanoseconds of the coarse clock: no system call.
  static var now: UInt64 {
    var time = timespec()
    // The kernel writes one structure.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// The tick counter now.
  var ticks: UInt64 { jiffies &+ (Self.now &- nanoseconds) / tick }

  /// As many ticks as last at least so long, and one for that which has begun; what is longer than
  /// a century lasts a century.
  func ticks(in duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = min(max(.zero, duration), Self.longest).components
    let length = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
    return (length + tick - 1) / tick + 1
  }

  /// Its nanoseconds are a number of 64 bits, with a sign too.
  private static let longest = Duration.seconds(100 * 365 * 86_400)

  /// How long ago the counter stood there.
  func age(of moment: UInt64) -> Duration {
    let passed = Int64(bitPattern: ticks &- moment)
    return .nanoseconds(max(0, passed) * Int64(tick))
  }

  /// How long it is until the counter stands there.
  func time(until moment: UInt64) -> Duration {
    let left = Int64(bitPattern: moment &- ticks)
    return .nanoseconds(max(0, left) * Int64(tick))
  }
}

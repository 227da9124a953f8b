import CXDP
import Glibc
import SystemPackage

/// Wakes a loop of another thread: an event that any thread may cause, again and again.
public final class Doorbell: Sendable {
  private let event: OwnedDescriptor

  /// Silent.
  ///
  /// Takes one file descriptor.
  public init() throws(XDPError) {
    guard let event = OwnedDescriptor(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))) else {
      throw XDPError(
        .system, operation: "make a doorbell", reason: "no eventfd (\(Errno(rawValue: errno)))",
        remedy: "look at the limits (ulimit -a)", errno: Errno(rawValue: errno))
    }
    self.event = event
  }

  /// Makes the descriptor readable.
  ///
  /// Any thread may; one system call.
  public func ring() {
    var one: UInt64 = 1
    // The kernel reads the eight bytes; it refuses only at the end of 64 bits.
    _ = unsafe write(event.value, &one, 8)
  }

  /// Makes it silent again, and says whether it had rung.
  public func answer() -> Bool {
    var count: UInt64 = 0
    // The kernel writes eight bytes or none.
    return unsafe read(event.value, &count, 8) == 8
  }

  /// Readable from a ring to the answer, for poll sets.
  ///
  /// The doorbell owns it.
  public var fileDescriptor: Int32 { event.value }
}

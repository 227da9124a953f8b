import CXDP
import Glibc
public import Synchronization
import SystemPackage

/// Asks loops to stop: a flag to look at and an event to wait for.
public final class StopSignal: Sendable {
  @usableFromInline let flag = Atomic<Bool>(false)
  private let event: OwnedDescriptor

  /// Not requested.
  ///
  /// Takes one file descriptor.
  public init() throws(XDPError) {
    guard let event = OwnedDescriptor(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))) else {
      throw XDPError(
        .system, operation: "make a stop signal", reason: "no eventfd (\(Errno(rawValue: errno)))",
        remedy: "look at the limits (ulimit -a)", errno: Errno(rawValue: errno))
    }
    self.event = event
  }

  /// Asks for the stop, once and for all; asking again changes nothing.
  ///
  /// Any thread may, and a signal handler too: one atomic exchange, one write(2).
  public func request() {
    if flag.exchange(true, ordering: .releasing) { return }
    var one: UInt64 = 1
    // The kernel reads the eight bytes. A write to a fresh eventfd does not fail.
    _ = unsafe write(event.value, &one, 8)
  }

  /// Whether the stop was asked for.
  ///
  /// One relaxed load.
  @inlinable public var isRequested: Bool {
    @inline(__always) get { flag.load(ordering: .relaxed) }
  }

  /// Readable from the request on, for poll sets.
  ///
  /// The signal owns it.
  public var fileDescriptor: Int32 { event.value }
}

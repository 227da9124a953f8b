import CXDP
import Glibc
import SystemPackage

/// Busy polling: whoever waits for packets fetches them from the NIC itself, on its own processor.
///
/// Otherwise an interrupt does, on whichever processor it comes to.
extension Socket {
  /// Makes `pollReceive` and `kick` run the receive side of the queue's driver on this thread, for
  /// at most `budget` packets a call.
  ///
  /// In zero copy a kick then wakes the driver no more: where another part of it sends, as of
  /// virtio_net, `wakeSleepers` has to.
  ///
  /// `SO_PREFER_BUSY_POLL` (Linux 5.11) and what belongs to it. It takes effect where the kernel
  /// knows which part of the driver that is, see `napi`. Throws `.notPermitted` without
  /// CAP_NET_ADMIN.
  public func preferBusyPoll(budget: Int) throws(XDPError) {
    guard fileDescriptor >= 0 else { return }
    let options: [(Int32, Int32)] = [
      (Int32(CXDP_SO_PREFER_BUSY_POLL), 1), (SO_BUSY_POLL, Self.shortestBusyPoll),
      (Int32(CXDP_SO_BUSY_POLL_BUDGET), Int32(clamping: min(budget, Int(UInt16.max)))),
    ]
    for (option, value) in options {
      guard let errno = set(option, to: value) else { continue }
      let isForbidden = errno == .notPermitted
      throw XDPError(
        isForbidden ? .notPermitted : .unsupported,
        operation: "poll queue \(queue) of \(interface.name)",
        reason: isForbidden
          ? "it takes the capability CAP_NET_ADMIN" : "the kernel refuses (\(errno))",
        remedy: isForbidden ? "run as root or grant it" : "use Linux 5.11, or do not poll",
        errno: errno)
    }
  }

  /// Runs the receive side of the queue's driver once, if `preferBusyPoll` was called.
  ///
  /// One system call, none for rings in memory.
  @inlinable public func pollReceive() {
    if fileDescriptor >= 0 { receiveNothing() }
  }

  /// Wakes every part of the driver that sleeps and is wanted, as a poll for events does.
  ///
  /// One system call, none for rings in memory.
  public func wakeSleepers() {
    guard fileDescriptor >= 0 else { return }
    var wanted = pollfd(fd: fileDescriptor, events: Int16(POLLOUT), revents: 0)
    // One element, which is ours.
    _ = unsafe poll(&wanted, 1, 0)
  }

  /// What the kernel calls the part of the driver that receives for the queue (its NAPI).
  ///
  /// `SO_INCOMING_NAPI_ID`; nil where it does not say. Linux 6.14 says it of zero-copy sockets, if
  /// the driver tells which of its parts serves which queue; kernels before of any socket that has
  /// received a packet.
  package var napi: UInt32? {
    let number = UInt32(bitPattern: value(of: Int32(CXDP_SO_INCOMING_NAPI_ID)) ?? 0)
    return number == 0 ? nil : number
  }

  /// Tells the kernel that the fill ring has entries, if it sleeps on it (`needsWakeup`).
  ///
  /// In zero copy the driver's receive side runs at once, on this thread (a busy poll): drivers say
  /// that they sleep on an empty fill ring only once that side has run, and igb's wake-up wakes
  /// the sending side instead (before Linux 7.0). One system call, in zero copy four; none for
  /// rings in memory.
  @inlinable public func wakeReceive() {
    if fileDescriptor >= 0 { wakeReceiver() }
  }

  @usableFromInline @inline(never) func wakeReceiver() {
    // Only for this call: it would make every kick run the receive side too.
    let isTemporary = isZeroCopy && value(of: SO_BUSY_POLL) == 0
    // Without CAP_NET_ADMIN the kernel refuses, and nothing is polled.
    if isTemporary { _ = set(SO_BUSY_POLL, to: Self.shortestBusyPoll) }
    receiveNothing()
    if isTemporary { _ = set(SO_BUSY_POLL, to: 0) }
  }

  @usableFromInline @inline(never) func receiveNothing() {
    _ = recvfrom(fileDescriptor, nil, 0, Int32(MSG_DONTWAIT), nil, nil)
  }

  /// Microseconds; a call that does not block polls once, whatever it says.
  private static var shortestBusyPoll: Int32 { 1 }

  private func value(of option: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // The kernel writes at most `length` bytes.
    let result = unsafe getsockopt(fileDescriptor, SOL_SOCKET, option, &value, &length)
    return result == 0 ? value : nil
  }

  /// Nil is success.
  private func set(_ option: Int32, to value: Int32) -> Errno? {
    var value = value
    // The kernel reads the number.
    let result = unsafe setsockopt(
      fileDescriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Int32>.size))
    return result == 0 ? nil : Errno(rawValue: errno)
  }
}

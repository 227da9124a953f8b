import CXDP
import Glibc
import SystemPackage

/// Says by event that some interface of the network namespace changed: came, went, up or down.
///
/// Put `fileDescriptor` into a poll set; when it is readable, `drain` it and look at the interfaces
/// that matter (`Interface.state()`). Needs no privileges.
public struct LinkMonitor: ~Copyable {
  private let socket: OwnedDescriptor

  /// Listens in the calling thread's network namespace, from now on.
  public init() throws(XDPError) {
    let kind = Int32(SOCK_RAW.rawValue) | O_CLOEXEC | O_NONBLOCK
    guard let socket = OwnedDescriptor(Glibc.socket(AF_NETLINK, kind, NETLINK_ROUTE)) else {
      throw LinkMonitor.refused(Errno(rawValue: errno))
    }
    var address = sockaddr_nl()
    address.nl_family = sa_family_t(AF_NETLINK)
    address.nl_groups = UInt32(RTMGRP_LINK)
    // sockaddr_nl is one of the forms of sockaddr, and its size is passed on.
    let result = unsafe withUnsafeBytes(of: &address) { bytes in
      unsafe bind(
        socket.value, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(bytes.count))
    }
    guard result == 0 else { throw LinkMonitor.refused(Errno(rawValue: errno)) }
    self.socket = socket
  }

  /// Readable when something changed.
  ///
  /// The monitor owns it.
  public var fileDescriptor: Int32 { socket.value }

  /// Takes every event that is there and says whether there was one.
  ///
  /// Never waits.
  public func drain() -> Bool {
    var changed = false
    var space: UInt64 = 0
    while true {
      // The kernel writes at most 8 bytes and drops the rest of the event; what happened is not
      // read.
      if unsafe recv(socket.value, &space, 8, 0) >= 0 || errno == ENOBUFS {
        changed = true
      } else if errno != EINTR {
        return changed
      }
    }
  }

  private static func refused(_ errno: Errno) -> XDPError {
    XDPError(
      .system, operation: "watch the interfaces", reason: "no rtnetlink socket (\(errno))",
      remedy: "look at the limits (ulimit -a)", errno: errno)
  }
}

import CXDP
import Glibc
import SystemPackage

/// Says by event that some interface of the network namespace changed: came, went, up or down.
///
/// Put `fileDescriptor` into a poll set; when it is readable, `drain` it and look at the interfaces
/// that matter (`state(of:)`). Needs no privileges.
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

  /// Whether an interface of the namespace is up, down or gone; nil if the kernel does not say.
  ///
  /// Two system calls, and no file descriptor that could be lacking.
  public func state(of interface: Interface) -> LinkState? { interface.state(by: socket) }

  /// Waits until the kernel is done with every interface that it is taking away.
  ///
  /// It takes one off its lists and unbinds its sockets under one lock (RTNL), which any question
  /// by rtnetlink takes too. The answer is one event more to `drain`. False if nothing could be
  /// asked.
  package func awaitRemovals() -> Bool {
    // About interface 0 (struct ifinfomsg), which is none.
    let question = Netlink.request(
      type: Int32(RTM_GETLINK), flags: 0, payload: [UInt8](repeating: 0, count: 16))
    // The array stays put for the length of the call, in which the kernel answers.
    return unsafe send(socket.value, question, question.count, 0) == question.count
  }

  private static func refused(_ errno: Errno) -> XDPError {
    XDPError(
      .system, operation: "watch the interfaces", reason: "no rtnetlink socket (\(errno))",
      remedy: "look at the limits (ulimit -a)", errno: errno)
  }
}

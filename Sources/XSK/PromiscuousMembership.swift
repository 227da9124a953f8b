import CXDP
import Glibc
import SystemPackage

/// Keeps an interface in promiscuous mode, so that it receives what is addressed to others.
///
/// The kernel counts memberships and takes this one back when the value goes or the process dies.
public struct PromiscuousMembership: ~Copyable {
  private let socket: OwnedDescriptor
  private let request: packet_mreq

  /// Joins.
  ///
  /// Needs CAP_NET_RAW.
  public init(_ interface: Interface) throws(XDPError) {
    // Protocol 0: the socket itself receives nothing.
    let kind = Int32(SOCK_RAW.rawValue) | O_CLOEXEC
    guard let socket = OwnedDescriptor(Glibc.socket(AF_PACKET, kind, 0)) else {
      throw PromiscuousMembership.refused(interface, Errno(rawValue: errno))
    }
    var request = packet_mreq()
    request.mr_ifindex = Int32(bitPattern: interface.index)
    request.mr_type = UInt16(PACKET_MR_PROMISC)
    let size = socklen_t(MemoryLayout<packet_mreq>.size)
    // The kernel reads `size` bytes, all of the structure.
    let result = unsafe setsockopt(
      socket.value, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, size)
    guard result == 0 else {
      throw PromiscuousMembership.refused(interface, Errno(rawValue: errno))
    }
    self.socket = socket
    self.request = request
  }

  deinit {
    // Closing would do if nobody else had the descriptor; a child being started has it for a
    // moment. The kernel reads all of the structure; that the interface is gone is fine.
    var request = request
    let size = socklen_t(MemoryLayout<packet_mreq>.size)
    _ = unsafe setsockopt(socket.value, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &request, size)
  }

  private static func refused(_ interface: Interface, _ errno: Errno) -> XDPError {
    let operation = "set \(interface.name) to promiscuous mode"
    switch errno {
    case .notPermitted, .permissionDenied:
      return XDPError(
        .notPermitted, operation: operation, reason: "it takes the capability CAP_NET_RAW",
        remedy: "run as root or grant it", errno: errno)
    case .noSuchAddressOrDevice, .operationNotSupportedByDevice:
      return interface.gone(operation, errno)
    default:
      return XDPError(
        .system, operation: operation, reason: "the kernel refuses (\(errno))",
        remedy: "look at the limits (ulimit -a)", errno: errno)
    }
  }
}

internal import CXDP
internal import Glibc
internal import SystemPackage

/// Where the process that steers an interface can be spoken to.
///
/// One socket for each interface of each network namespace, in a folder that only its user opens.
public enum ControlAddress {
  /// The folder.
  public static let folder = "/run/martlet"

  /// The socket's path for an interface of the calling thread's network namespace.
  public static func path(of interface: Interface) throws(XDPError) -> String {
    var status = stat()
    // A C string for the length of the call; the kernel fills the structure.
    guard unsafe stat("/proc/thread-self/ns/net", &status) == 0 else {
      let failure = Errno(rawValue: errno)
      throw XDPError(
        .system, operation: "find the control socket of \(interface.name)",
        reason: "the network namespace has no number (\(failure))", remedy: "mount /proc",
        errno: failure)
    }
    return "\(folder)/\(status.st_ino)-\(interface.index)"
  }

  /// Listens for an interface, in the place of a process that was killed.
  ///
  /// For the process that steers the interface, of which there is but one.
  public static func listen(for interface: Interface) throws(XDPError) -> PeerListener {
    let operation = "open the control socket of \(interface.name)"
    _ = try RecordFile.folder(folder, operation)
    return try PeerListener(replacing: try path(of: interface))
  }

  /// Connects to the process that steers an interface.
  public static func connect(to interface: Interface) throws(XDPError) -> PeerSocket {
    let operation = "ask about the rules of \(interface.name)"
    do throws(XDPError) {
      return try PeerSocket(connectedTo: try path(of: interface))
    } catch {
      switch error.errno {
      case .noSuchFileOrDirectory, .connectionRefused:
        throw XDPError(
          .configuration, operation: operation, reason: "no process serves this interface",
          remedy: "start one, such as martlet forward; it must run in this network namespace",
          errno: error.errno)
      case .permissionDenied, .notPermitted:
        throw XDPError(
          .notPermitted, operation: operation, reason: "its process is another user's",
          remedy: "run as that user or as root", errno: error.errno)
      default: throw error
      }
    }
  }

  /// Whether the process at the other end may give orders: it is this user's, or root's.
  public static func isTrusted(_ socket: borrowing PeerSocket) -> Bool {
    guard let peer = socket.peer() else { return false }
    return peer.user == 0 || peer.user == geteuid()
  }
}

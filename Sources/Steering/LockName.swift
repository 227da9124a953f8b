import CXDP
import Glibc
import SystemPackage
import XSK

/// A name that one socket of a network namespace has, and that vanishes with it.
///
/// It is an abstract Unix socket. Such names belong to a network namespace, as interface numbers
/// do, so two namespaces do not meet. There is no permission to be had for one: any process of the
/// namespace may take it.
struct LockName: ~Copyable {
  private let descriptor: Int32

  /// Whom a name was found with.
  enum Finding: Equatable {
    /// Nobody listens: its holder is letting go, or never did listen.
    case nobody
    case itself
    case holder(LockHolder)
    /// Somebody who cannot be seen from here.
    case unseen
    /// The same, where another user than root made the socket.
    case hidden(user: UInt32)
  }

  /// Takes the name; nil if it is taken.
  init?(_ name: String) throws(Errno) {
    let descriptor = try Self.makeSocket()
    // bind(2) reads the address during the call.
    let isBound = unsafe Self.withAddress(name) { unsafe bind(descriptor, $0, $1) == 0 }
    if isBound, listen(descriptor, 128) == 0 {
      self.descriptor = descriptor
      return
    }
    let code = Errno(rawValue: errno)
    close(descriptor)
    if code == .addressInUse { return nil }
    throw code
  }

  deinit {
    // From now on nobody finds a holder, even while a copy of the descriptor keeps the name.
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  /// Who listens on a name.
  static func find(_ name: String) throws(Errno) -> Finding {
    let asker = try makeSocket()
    defer { close(asker) }
    // connect(2) reads the address during the call.
    guard unsafe withAddress(name, { unsafe connect(asker, $0, $1) == 0 }) else {
      switch errno {
      case ECONNREFUSED: return .nobody
      // It takes no more connections, which anybody can bring about.
      case EAGAIN: return LockHolder.search(for: name)
      default: return .unseen
      }
    }
    // `struct ucred`: process, user and group, as they were when it began to listen.
    var credentials: [UInt32] = [0, 0, 0]
    var size = socklen_t(12)
    // The kernel writes at most the twelve bytes there are.
    guard unsafe getsockopt(asker, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else {
      return .unseen
    }
    let holder = LockHolder(process: Int32(bitPattern: credentials[0]), user: credentials[1])
    // A process of a PID namespace that is not below ours has no number.
    guard holder.process > 0 else {
      return holder.user == 0 ? .unseen : .hidden(user: holder.user)
    }
    return finding(holder)
  }

  private static func finding(_ holder: LockHolder) -> Finding {
    if holder.process == getpid() { return .itself }
    return holder.isAlive ? .holder(holder) : .nobody
  }

  private static func makeSocket() throws(Errno) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK
    let descriptor = socket(AF_UNIX, kind, 0)
    if descriptor < 0 { throw Errno(rawValue: errno) }
    return descriptor
  }

  /// `struct sockaddr_un` with an abstract name: the family, a zero, then the name without an end.
  private static func withAddress(
    _ name: String, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Bool
  ) -> Bool {
    let address = UInt16(AF_UNIX).machineOrder + [0] + Array(name.utf8)
    // The bytes live for the call and are read as an address of their own length.
    return unsafe address.withUnsafeBytes { bytes in
      unsafe body(
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }
}

import CXDP
import Glibc
import SystemPackage
import XSK

/// Says that this process steers an interface: a name that vanishes with its holder, however it
/// ends.
///
/// It is an abstract Unix socket. Such names belong to a network namespace, as interface numbers
/// do, so two namespaces do not meet; and whoever finds the name taken learns the holder's process
/// number.
struct InterfaceLock: ~Copyable {
  private let descriptor: Int32

  /// What of the interface one process has for itself.
  enum Subject: String {
    /// The program that receives packets.
    case steering
    /// Which packets go to which queue.
    case queues
    /// The program that chooses the queue of packets that leave.
    case director
  }

  /// Takes the lock, or says who holds it.
  init(of interface: Interface, for subject: Subject = .steering) throws(XDPError) {
    // Another may just be letting go: its name lasts until the last copy of its descriptor is
    // closed, also one in a child that is being started, and no event tells of that.
    for attempt in 0... {
      if let descriptor = try Self.take(interface, subject) {
        self.descriptor = descriptor
        return
      }
      let holder = try Self.holder(of: interface, subject)
      if holder == nil, attempt < 5_000 {
        usleep(1_000)
        continue
      }
      throw Self.held(interface, subject, by: holder ?? "a process that has ended")
    }
    preconditionFailure("the loop ends by itself")
  }

  deinit {
    // From now on nobody finds a holder, even while a copy of the descriptor keeps the name.
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  private static func held(
    _ interface: Interface, _ subject: Subject, by holder: String
  ) -> XDPError {
    switch subject {
    case .steering:
      XDPError(
        .foreignProgram, operation: "attach to \(interface.name)",
        reason: "\(holder) already steers it",
        remedy: "end it first; one process steers an interface, for all its queues",
        errno: .addressInUse)
    case .queues, .director:
      XDPError(
        .settingsHeld, operation: "choose the queues of \(interface.name)",
        reason: "\(holder) already does",
        remedy: "end it first; one process chooses, for all flows", errno: .addressInUse)
    }
  }

  /// The descriptor that holds the name; nil if it is taken.
  private static func take(_ interface: Interface, _ subject: Subject) throws(XDPError) -> Int32? {
    let descriptor = try makeSocket(interface)
    // bind(2) reads the address during the call.
    let isBound = unsafe withAddress(of: interface, subject) {
      unsafe bind(descriptor, $0, $1) == 0
    }
    if isBound, listen(descriptor, 128) == 0 { return descriptor }
    let code = Errno(rawValue: errno)
    close(descriptor)
    if code == .addressInUse { return nil }
    throw failure(interface, code)
  }

  /// Who listens on the name; nil if nobody does any more.
  private static func holder(
    of interface: Interface, _ subject: Subject
  ) throws(XDPError) -> String? {
    let asker = try makeSocket(interface)
    defer { close(asker) }
    // connect(2) reads the address during the call.
    guard unsafe withAddress(of: interface, subject, { unsafe connect(asker, $0, $1) == 0 }) else {
      return errno == ECONNREFUSED ? nil : "another process"
    }
    // `struct ucred`: process, user and group.
    var credentials: [Int32] = [0, 0, 0]
    var size = socklen_t(12)
    // The kernel writes at most the twelve bytes there are.
    guard unsafe getsockopt(asker, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0,
      credentials[0] > 0
    else { return "another process" }
    if credentials[0] == getpid() { return "this process itself" }
    let isDead = kill(credentials[0], 0) != 0 && errno == ESRCH
    return isDead ? nil : "process \(credentials[0])"
  }

  private static func makeSocket(_ interface: Interface) throws(XDPError) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK
    let descriptor = socket(AF_UNIX, kind, 0)
    if descriptor < 0 { throw failure(interface, Errno(rawValue: errno)) }
    return descriptor
  }

  private static func failure(_ interface: Interface, _ code: Errno) -> XDPError {
    XDPError(
      .system, operation: "attach to \(interface.name)",
      reason: "the lock of the interface failed: \(code)",
      remedy: "look at the limits of this process (ulimit -n)", errno: code)
  }

  /// `struct sockaddr_un` with an abstract name: the family, a zero, then the name without an end.
  private static func withAddress(
    of interface: Interface, _ subject: Subject,
    _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Bool
  ) -> Bool {
    let text = "martlet/\(subject.rawValue)/\(interface.index)"
    let name = UInt16(AF_UNIX).machineOrder + [0] + Array(text.utf8)
    // The bytes live for the call and are read as an address of their own length.
    return unsafe name.withUnsafeBytes { bytes in
      unsafe body(
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }
}

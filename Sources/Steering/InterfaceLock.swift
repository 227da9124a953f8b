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

  /// Takes the lock, or says who holds it.
  init(of interface: Interface) throws(XDPError) {
    let name = interface.name
    let descriptor = try Self.makeSocket(name)
    let address = Self.address(interface.index)
    // An address as bind(2) reads it: the family, then the name; alive for the call.
    let isBound = unsafe address.withUnsafeBytes { bytes in
      let address = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      return unsafe bind(descriptor, address, socklen_t(bytes.count)) == 0
    }
    if isBound, listen(descriptor, 128) == 0 {
      self.descriptor = descriptor
      return
    }
    let code = Errno(rawValue: errno)
    close(descriptor)
    guard code == .addressInUse else {
      throw XDPError(
        .system, operation: "attach to \(name)",
        reason: "the lock of the interface failed: \(code)",
        remedy: "look at the limits of this process", errno: code)
    }
    let holder = try Self.holder(of: address, name)
    throw XDPError(
      .foreignProgram, operation: "attach to \(name)", reason: "\(holder) already steers it",
      remedy: "end it first; one process steers an interface, for all its queues", errno: code)
  }

  deinit { close(descriptor) }

  private static func makeSocket(_ name: String) throws(XDPError) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK
    let descriptor = socket(AF_UNIX, kind, 0)
    if descriptor >= 0 { return descriptor }
    let code = Errno(rawValue: errno)
    throw XDPError(
      .system, operation: "attach to \(name)",
      reason: "no socket for the interface's lock: \(code)",
      remedy: "raise the limit of open files", errno: code)
  }

  /// `struct sockaddr_un` with an abstract name: the family, a zero, then the name without an end.
  private static func address(_ interface: UInt32) -> [UInt8] {
    UInt16(AF_UNIX).machineOrder + [0] + Array("martlet/steering/\(interface)".utf8)
  }

  /// Asks the kernel who listens on the name.
  private static func holder(of address: [UInt8], _ name: String) throws(XDPError) -> String {
    let asker = try makeSocket(name)
    defer { close(asker) }
    // `struct ucred`: process, user and group.
    var credentials: [Int32] = [0, 0, 0]
    var size = socklen_t(12)
    // The address lives for the call, and the kernel writes at most the twelve bytes there are.
    let isKnown = unsafe address.withUnsafeBytes { bytes -> Bool in
      let address = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      return unsafe connect(asker, address, socklen_t(bytes.count)) == 0
        && getsockopt(asker, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0
    }
    guard isKnown, credentials[0] > 0 else { return "another process" }
    return credentials[0] == getpid() ? "this process itself" : "process \(credentials[0])"
  }
}

internal import CXDP
internal import Glibc

/// An anonymous network namespace: it lasts as long as this object, a thread inside or an open
/// socket.
///
/// Needs no name, hence no clean-up, and tests run in parallel.
///
/// The loopback interface is up. IPv6 is off unless asked for, because its router and neighbour
/// discovery sends frames that no test expects.
public final class NetworkNamespace: Sendable {
  private let descriptor: Int32

  /// A new namespace.
  ///
  /// The calling thread stays where it is.
  ///
  /// Needs `CAP_SYS_ADMIN`.
  public init(ipv6: Bool = false) throws {
    let home = try openCurrentNamespace()
    defer { close(home) }
    try systemCall("unshare(CLONE_NEWNET)") { cxdp_unshare(newNetwork) }
    defer { enter(home) }
    descriptor = try openCurrentNamespace()
    try setUp(ipv6: ipv6)
  }

  deinit { close(descriptor) }

  /// Runs `body` on the calling thread inside this namespace, then takes the thread back to where
  /// it was.
  ///
  /// Programs and threads that `body` starts stay in the namespace.
  @discardableResult
  public func run<R>(_ body: () throws -> R) throws -> R {
    let home = try openCurrentNamespace()
    defer { close(home) }
    enter(descriptor)
    defer { enter(home) }
    return try body()
  }

  /// How other programs of this machine can name the namespace while this object lives, for example
  /// `ip link set NAME netns PATH`.
  public var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

  /// Takes the calling thread into the namespace at a path for good: for a test's child process.
  public static func join(_ path: String) throws {
    let descriptor = try openFile(path, O_RDONLY)
    defer { close(descriptor) }
    MartletTestKit.enter(descriptor)
  }
}

/// Runs `body` on a thread of its own in a new network namespace, and suspends the caller until it
/// has ended.
///
/// The thread is back in the machine's namespace before the caller resumes.
@discardableResult
public func withNetworkNamespace<R: Sendable>(
  ipv6: Bool = false, _ body: @escaping @Sendable () throws -> R
) async throws -> R {
  try await withCheckedThrowingContinuation { continuation in
    detachThread {
      let result = Result { try NetworkNamespace(ipv6: ipv6).run(body) }
      continuation.resume(with: result)
    }
  }
}

/// CLONE_NEWNET of sched.h, behind _GNU_SOURCE.
private let newNetwork: Int32 = 0x4000_0000

private func openCurrentNamespace() throws -> Int32 {
  try openFile("/proc/thread-self/ns/net", O_RDONLY)
}

/// A thread that cannot go home must not run anything else.
private func enter(_ descriptor: Int32) {
  precondition(cxdp_setns(descriptor, newNetwork) == 0, "setns failed: errno \(errno)")
}

/// Makes the current, new namespace quiet.
private func setUp(ipv6: Bool) throws {
  // A kernel without IPv6 has nothing to turn off.
  if !ipv6, fileExists("/proc/sys/net/ipv6") {
    for scope in ["all", "default"] {
      try writeFile("/proc/sys/net/ipv6/conf/\(scope)/disable_ipv6", Array("1\n".utf8))
    }
  }
  try runProgram(["ip", "link", "set", "lo", "up"])
}

internal import CXDP
internal import Glibc

/// What a kernel test needs of the machine.
///
/// A test asks `isExpected` before it runs; whether the feature then works is for the test to find
/// out. So a skip is honest: it happens for want of privileges or on a kernel that is too old by
/// the table below, never because something failed.
///
///     let sockets = KernelFeature.sockets
///     @Test(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)))
public enum KernelFeature: String, Sendable, CaseIterable {
  /// Network namespaces, veth and raw sockets.
  case namespaces = "network namespaces"
  /// AF_XDP sockets, with native XDP on veth and need-wakeup.
  case sockets = "AF_XDP sockets"
  /// Packets in several fragments.
  case fragments = "AF_XDP packets in several fragments"
  /// Transmit metadata: checksum offload and timestamps.
  case transmitMetadata = "AF_XDP transmit metadata"
  /// What a driver can do, by netlink.
  case capabilities = "drivers' XDP features"
  /// Unix sockets that nobody can send files to.
  case refusedFiles = "Unix sockets that refuse files"
  /// More than 32 packets sent by one kick in copy mode.
  case widerKicks = "wider kicks of AF_XDP sockets"

  /// The version rule, in one place: the kernel from which on the feature must be there.
  public var minimumVersion: KernelVersion {
    switch self {
    case .namespaces: KernelVersion(3, 8)
    case .sockets: KernelVersion(5, 11)
    case .capabilities: KernelVersion(6, 3)
    case .fragments: KernelVersion(6, 6)
    case .transmitMetadata: KernelVersion(6, 8)
    case .refusedFiles: KernelVersion(6, 16)
    case .widerKicks: KernelVersion(6, 17)
    }
  }

  /// Whether a test that needs the feature has to run here and pass.
  public var isExpected: Bool {
    isPrivileged && KernelVersion.running >= minimumVersion
  }

  /// Why a test is skipped, if it is.
  public var reason: String {
    isPrivileged
      ? "\(rawValue) need Linux \(minimumVersion), this is \(KernelVersion.running)"
      : "\(rawValue) need root, or the capabilities of the namespace tests: "
        + "CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF"
  }
}

/// Whether this process has all capabilities that the tests need, as numbered in
/// linux/capability.h.
private let isPrivileged: Bool = {
  let needed = [12, 13, 21, 39].reduce(UInt64(0)) { $0 | 1 << $1 }
  guard let status = try? readFile("/proc/thread-self/status") else { return false }
  let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
  guard let line = lines.first(where: { $0.hasPrefix("CapEff:") }) else { return false }
  let effective = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
  return effective & needed == needed
}()

/// A kernel's version, as far as features depend on it.
public struct KernelVersion: Sendable, Comparable, CustomStringConvertible {
  /// The first number.
  public let major: Int
  /// The second number.
  public let minor: Int

  /// Version `major.minor`.
  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// The kernel this program runs on, from /proc/sys/kernel/osrelease.
  public static let running: KernelVersion = {
    let bytes = (try? readFile("/proc/sys/kernel/osrelease")) ?? []
    let numbers = String(decoding: bytes, as: UTF8.self).split { !$0.isNumber }.map { Int($0) ?? 0 }
    return numbers.count > 1 ? KernelVersion(numbers[0], numbers[1]) : KernelVersion(0, 0)
  }()

  /// Orders by `major`, then by `minor`.
  public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// Such as "6.18".
  public var description: String { "\(major).\(minor)" }
}

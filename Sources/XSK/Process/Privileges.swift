internal import CXDP
internal import Glibc
internal import SystemPackage

/// What the calling process may do beyond what any user may.
public enum Privileges {
  /// The user and group "nobody".
  public static let nobody: UInt32 = 65534

  /// Becomes another user for good: without further groups, without a capability, and without a way
  /// back by programs that would give some.
  ///
  /// To be called before there are other threads. Open descriptors and mappings stay. Throws, with
  /// an unknown rest of the privileges, unless none is left.
  public static func giveUp(
    user: UInt32 = nobody, group: UInt32 = nobody
  ) throws(XDPError) {
    let operation = "become user \(user)"
    guard user != 0 else {
      throw XDPError(
        .configuration, operation: operation, reason: "root is no user without privileges",
        remedy: "name another one")
    }
    // An empty list of groups is not looked at.
    guard setgroups(0, nil) == 0, setgid(group) == 0, setuid(user) == 0,
      cxdp_no_new_privileges() == 0
    else {
      let failure = Errno(rawValue: errno)
      throw XDPError(
        .notPermitted, operation: operation, reason: "the kernel refuses it (\(failure))",
        remedy: "start as root", errno: failure)
    }
    guard geteuid() == user, getuid() == user, getegid() == group, capabilities == 0,
      setuid(0) != 0
    else {
      throw XDPError(
        .notPermitted, operation: operation, reason: "there are privileges left",
        remedy: "look at the process's secure bits (capsh --print)")
    }
  }

  /// The capabilities that the process has or can get, by their numbers as bits; all if that cannot
  /// be told.
  static var capabilities: UInt64 {
    guard let text = TextFile.read("/proc/self/status") else { return .max }
    var found: UInt64 = 0
    for key in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
      let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
      let word = line?.split(whereSeparator: \.isWhitespace).last
      found |= word.flatMap { UInt64($0, radix: 16) } ?? .max
    }
    return found
  }
}

public import SystemPackage

/// Why a control-plane operation failed, in one line: what was asked, why it cannot be, what to do.
///
/// The data plane never throws; it answers with optionals, verdicts and counters.
public struct XDPError: Error, Sendable {
  /// What kind of trouble it is, for programs; `description` is for people.
  public enum Kind: Sendable, Hashable {
    /// No interface of that name in this network namespace.
    case noSuchInterface
    /// The interface is not up.
    case interfaceDown
    /// The interface vanished while it was in use.
    case interfaceGone
    /// A capability is missing: `CAP_NET_RAW`, `CAP_BPF`, `CAP_PERFMON`, `CAP_NET_ADMIN` or
    /// `CAP_IPC_LOCK`.
    case notPermitted
    /// The interface does not have that queue.
    case noSuchQueue
    /// Another socket holds the queue.
    case queueBusy
    /// Packets of the interface's MTU do not fit into a chunk.
    case packetTooLong
    /// The mode that was demanded is refused by the driver.
    case modeRefused
    /// The driver or the kernel refuses a setting of the interface.
    case settingRefused
    /// Another process, or another queue of this one, has changed the same settings and still needs
    /// them.
    case settingsHeld
    /// A memory limit: `RLIMIT_MEMLOCK`, the control group, or no memory at all.
    case memoryLimit
    /// Another XDP program holds the interface.
    case foreignProgram
    /// The kernel lacks what is needed.
    case unsupported
    /// Memory that another process must not see.
    case notExportable
    /// A configuration that cannot work, whatever the machine.
    case configuration
    /// Anything else that a system call refused.
    case system
  }

  /// The kind of trouble.
  public var kind: Kind
  /// What was asked, such as "bind eth0 queue 3".
  public var operation: String
  /// Why it cannot be.
  public var reason: String
  /// What to do about it.
  public var remedy: String
  /// The kernel's answer, if a system call failed.
  public var errno: Errno?

  /// An error that says `operation: reason; remedy` on one line.
  public init(
    _ kind: Kind, operation: String, reason: String, remedy: String, errno: Errno? = nil
  ) {
    self.kind = kind
    self.operation = operation
    self.reason = reason
    self.remedy = remedy
    self.errno = errno
  }
}

extension XDPError: CustomStringConvertible {
  /// One line: what was asked, why it cannot be, what to do.
  public var description: String { "\(operation): \(reason); \(remedy)" }
}

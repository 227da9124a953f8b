internal import CXDP
internal import Glibc
internal import SystemPackage

/// The program of this process started once more, beside it and with a socket to it: what takes the
/// work that needs no privileges.
///
/// It has the same standard output and error, nothing on standard input, and no other descriptor
/// than its end of the socket (`CompanionProcess.parent`). A signal from the terminal reaches this
/// process alone, which says to the companion what is to be done. It is killed if the value goes.
public struct CompanionProcess: ~Copyable, Sendable {
  /// Its number.
  public let identifier: Int32
  /// The socket to it, which hangs up when it has ended.
  public let socket: PeerSocket
  private let handle: OwnedDescriptor
  /// How it ended, once it was waited for and its number may be another's.
  private var ending: Ending?

  /// How a process ended.
  public enum Ending: Sendable, Hashable {
    /// By itself, with this status.
    case exited(Int32)
    /// By this signal.
    case signalled(Int32)
  }

  /// Starts this process's program with other arguments.
  public init(_ arguments: [String]) throws(XDPError) {
    let pair = try PeerSocket.pair()
    let near = PeerSocket(pair.near)
    let far = PeerSocket(pair.far)
    let words = [CommandLine.arguments.first ?? "companion"] + arguments
    let identifier = try Self.start(words, with: far.fileDescriptor)
    guard let handle = OwnedDescriptor(cxdp_pidfd_open(identifier)) else {
      let failure = errno
      kill(identifier, SIGKILL)
      _ = Self.reap(identifier)
      throw Self.refused("pidfd_open", failure)
    }
    self.identifier = identifier
    self.handle = handle
    socket = near
  }

  deinit {
    guard ending == nil else { return }
    kill(identifier, SIGKILL)
    _ = Self.reap(identifier)
  }

  /// Sends it a signal; nothing happens if it was waited for.
  public func signal(_ number: Int32) {
    if ending == nil { kill(identifier, number) }
  }

  /// Whether it has ended.
  public var hasEnded: Bool { hasEnded(within: .zero) }

  /// Waits until it ends by itself, kills it after `timeout`, and says how it ended.
  public mutating func finish(within timeout: Duration) -> Ending {
    if let ending { return ending }
    if !hasEnded(within: timeout) { signal(SIGKILL) }
    let ending = Self.reap(identifier)
    self.ending = ending
    return ending
  }

  /// A companion's end of the socket to the process that started it; nil in any other process.
  ///
  /// To be called once.
  public static func parent() -> PeerSocket? {
    var kind: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    // The kernel writes a number.
    guard unsafe getsockopt(place, SOL_SOCKET, SO_TYPE, &kind, &size) == 0, kind == seqPacket
    else { return nil }
    return PeerSocket(place)
  }

  /// Where a companion finds its end.
  private static let place: Int32 = 3

  private func hasEnded(within timeout: Duration) -> Bool {
    var poller = Poller(capacity: 1)
    poller.add(handle.value)
    return poller.wait(timeout: timeout) > 0
  }

  /// Waits for the end of a child.
  private static func reap(_ process: Int32) -> Ending {
    var status: Int32 = 0
    // The kernel writes a number.
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
  }

  /// Starts the program of this process in a process group of its own, with `socket` at its place.
  private static func start(_ words: [String], with socket: Int32) throws(XDPError) -> Int32 {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    var signals = sigset_t()
    var process = pid_t()
    // Every pointer below is to a local, or made by strdup, and outlives the call it is given to.
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, socket, place)
    unsafe posix_spawn_file_actions_addclosefrom_np(&actions, place + 1)
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { unsafe arguments.forEach { unsafe free($0) } }
    let code = unsafe posix_spawn(
      &process, "/proc/self/exe", &actions, &attributes, &arguments, environ)
    guard code == 0 else { throw refused("posix_spawn", code) }
    return process
  }

  private static func refused(_ call: String, _ code: Int32) -> XDPError {
    XDPError(
      .system, operation: "start a companion process",
      reason: "\(call) failed (\(Errno(rawValue: code)))",
      remedy: "look whether /proc is mounted and there is room for processes",
      errno: Errno(rawValue: code))
  }
}

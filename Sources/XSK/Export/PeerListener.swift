internal import CXDP
internal import Glibc

/// A place in the file system where processes ask for shared memory.
public struct PeerListener: ~Copyable, Sendable {
  // Goes first: while the socket is open no successor's file can have its number.
  private let name: SocketName
  private let descriptor: OwnedDescriptor

  /// Listens at `path`, which must not exist; who may connect is up to the file's `mode` and its
  /// group, which is the process's own unless another one is named.
  public init(path: String, mode: UInt32 = 0o600, group: UInt32? = nil) throws(XDPError) {
    let operation = "listen at \(path)"
    guard let socket = OwnedDescriptor(Glibc.socket(AF_UNIX, seqPacket | O_CLOEXEC, 0)) else {
      throw PeerSocket.refused(operation, "socket", errno)
    }
    guard
      unsafe withAddress(path, { address, size in unsafe bind(socket.value, address, size) == 0 })
    else { throw PeerSocket.refused(operation, "bind", errno) }
    // From here on the name goes with whatever fails.
    let name = SocketName(path)
    // C strings for the length of the calls; a user of -1 stays the one it is.
    if let group, unsafe chown(path, .max, group) != 0 {
      throw PeerSocket.refused(operation, "chown", errno)
    }
    // Those who connect have it too.
    PeerSocket.refuseFiles(socket.value)
    guard unsafe chmod(path, mode) == 0, listen(socket.value, 16) == 0 else {
      throw PeerSocket.refused(operation, "listen", errno)
    }
    descriptor = socket
    self.name = name
  }

  /// Listens in the place of a socket that a process left there when it was killed.
  ///
  /// For a path that nobody else can be listening at; what is no socket stays, and is an error.
  public init(
    replacing path: String, mode: UInt32 = 0o600, group: UInt32? = nil
  ) throws(XDPError) {
    var status = stat()
    // C strings for the length of the calls; the kernel fills the structure.
    if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unsafe unlink(path) }
    try self.init(path: path, mode: mode, group: group)
  }

  /// Where it is.
  public var path: String { name.path }

  /// The socket, for poll sets; this value owns it.
  public var fileDescriptor: Int32 { descriptor.value }

  /// The next process that asks; nil if none does within `timeout`.
  public func accept(timeout: Duration) throws(XDPError) -> PeerSocket? {
    var poller = Poller(capacity: 1)
    poller.add(descriptor.value)
    guard poller.wait(timeout: timeout) > 0 else { return nil }
    let accepted = Glibc.accept(descriptor.value, nil, nil)
    guard accepted >= 0 else {
      if errno == ECONNABORTED || errno == EAGAIN || errno == EINTR { return nil }
      throw PeerSocket.refused("accept at \(path)", "accept", errno)
    }
    return PeerSocket(accepted)
  }
}

/// The name of a socket in the file system, removed with its owner unless another one has it by
/// then.
///
/// Not private: what is optimized across modules would not link (Swift 6.3).
struct SocketName: ~Copyable {
  let path: String
  /// What tells the socket's file from a successor's; nil if it had gone before it was looked at.
  private let file: (device: dev_t, number: ino_t)?

  /// The name of a socket that was bound a moment ago.
  init(_ path: String) {
    self.path = path
    file = Self.file(at: path)
  }

  deinit {
    guard let file, let present = Self.file(at: path), present == file else { return }
    // A C string for the length of the call.
    unsafe unlink(path)
  }

  private static func file(at path: String) -> (device: dev_t, number: ino_t)? {
    var status = stat()
    // A C string for the length of the call; the kernel fills the structure.
    return unsafe lstat(path, &status) == 0 ? (status.st_dev, status.st_ino) : nil
  }
}

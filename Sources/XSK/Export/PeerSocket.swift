internal import CXDP
internal import Glibc
internal import SystemPackage

/// A file descriptor that another process sent, closed with this value unless someone takes it.
public struct ReceivedDescriptor: ~Copyable, Sendable {
  let descriptor: OwnedDescriptor

  /// Takes over a descriptor; traps if it is none.
  public init(_ descriptor: Int32) {
    guard let owned = OwnedDescriptor(descriptor) else { preconditionFailure("not a descriptor") }
    self.descriptor = owned
  }

  init(owned descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  /// The descriptor, for handing it on; this value owns it.
  public var fileDescriptor: Int32 { descriptor.value }

  consuming func take() -> OwnedDescriptor { descriptor }

  /// Bytes of the file; 0 if that cannot be told.
  var byteCount: Int {
    var status = stat()
    // The kernel fills the structure.
    return unsafe fstat(descriptor.value, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Whether nobody can truncate the file under a mapping.
  var isSealed: Bool {
    let seals = fcntl(descriptor.value, Int32(CXDP_F_GET_SEALS))
    return seals >= 0 && Int(seals) & CXDP_F_SEAL_SHRINK != 0
  }
}

/// The socket between two processes that share memory: it carries the memory's files when they
/// meet, wakes the one that sleeps, and hangs up when one is gone.
///
/// Every call says for itself that it must not block, whatever the other process did to its end.
public struct PeerSocket: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor
  /// Whether this end asked for the connection.
  private let hasConnected: Bool

  /// Takes over a connected `SOCK_SEQPACKET` socket of the Unix family; traps if it is none.
  public init(_ descriptor: Int32) {
    guard let owned = OwnedDescriptor(descriptor) else { preconditionFailure("not a descriptor") }
    self.descriptor = owned
    hasConnected = false
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  /// The descriptors of two connected ends, the caller's to close: one for this process, one to be
  /// inherited by another.
  ///
  /// Whoever that is, the kernel does not say (`peer`). What is exported over a pair is exported to
  /// an unknown user, once: a process that is to be known connects (`PeerListener`).
  public static func pair() throws(XDPError) -> (near: Int32, far: Int32) {
    var ends: [Int32] = [-1, -1]
    // The kernel writes two descriptors, and the array has two elements.
    guard unsafe socketpair(AF_UNIX, seqPacket | O_CLOEXEC, 0, &ends) == 0 else {
      throw refused("make a pair of sockets", "socketpair", errno)
    }
    refuseFiles(ends[0])
    return (ends[0], ends[1])
  }

  /// Connects to the socket at `path`; waits until it is accepted or refused.
  public init(connectedTo path: String) throws(XDPError) {
    let operation = "connect to \(path)"
    guard let socket = OwnedDescriptor(Glibc.socket(AF_UNIX, seqPacket | O_CLOEXEC, 0)) else {
      throw PeerSocket.refused(operation, "socket", errno)
    }
    guard
      unsafe withAddress(
        path, { address, size in unsafe connect(socket.value, address, size) == 0 })
    else { throw PeerSocket.refused(operation, "connect", errno) }
    descriptor = socket
    hasConnected = true
  }

  /// Lets nobody send files to this end (`SO_PASSRIGHTS`, Linux 6.16; before that anybody can).
  ///
  /// A file that is not taken is closed by who receives, and closing one can take as long as the
  /// sender likes: a TCP socket that lingers for what its peer does not read.
  public func refuseFiles() { PeerSocket.refuseFiles(descriptor.value) }

  static func refuseFiles(_ descriptor: Int32) {
    var no: Int32 = 0
    // The kernel reads the number.
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, Int32(CXDP_SO_PASSRIGHTS), &no, socklen_t(MemoryLayout<Int32>.size))
  }

  /// The socket, for poll sets; this value owns it.
  public var fileDescriptor: Int32 { descriptor.value }

  /// Leaves the socket to the caller, who closes it.
  public consuming func release() -> Int32 { descriptor.take() }

  /// The process at the other end, as the kernel says; nil if it does not.
  ///
  /// Of a pair nobody knows who has the other end: the kernel names the process that made both.
  public func peer() -> PeerProcess? {
    // Who was connected to has an address of its own. The other end of a pair can get itself one.
    guard hasConnected || cxdp_has_address(descriptor.value) else { return nil }
    var peer = PeerProcess(process: 0, user: 0, group: 0)
    // The kernel fills three words.
    let result = unsafe cxdp_peer(descriptor.value, &peer.process, &peer.user, &peer.group)
    return result == 0 ? peer : nil
  }

  /// Wakes the other process; whether it sleeps or is gone makes no difference.
  ///
  /// One system call, which never blocks: if the socket's queue is full, there is something to wake
  /// for already.
  package func wake() {
    var nothing: UInt8 = 0
    _ = unsafe send(descriptor.value, &nothing, 1, quietly)
  }

  /// Takes at most `limit` wake-ups, never waits, and says how many there were; nil if the other
  /// process is gone.
  public func takeWakes(_ limit: Int) -> Int? {
    var space: UInt64 = 0
    for count in 0..<limit {
      // The kernel writes at most 8 bytes and drops the rest, descriptors included.
      let length = unsafe recv(descriptor.value, &space, 8, Int32(MSG_DONTWAIT))
      if length == 0 { return nil }
      if length < 0 { return errno == EAGAIN || errno == EINTR ? count : nil }
    }
    return limit
  }

  /// Sleeps until the other process wakes this one or is gone, or `timeout` has passed; nil waits
  /// for ever.
  ///
  /// One system call, where the time-out is as it was the last time: `lastTimeout` says what that
  /// was. False if the other process is gone.
  public func sleep(timeout: Duration?, lastTimeout: inout Duration?) -> Bool {
    if timeout == .zero { return takeWakes(1) != nil }
    if timeout != lastTimeout {
      let parts = max(.microseconds(1), timeout ?? .zero).components
      var limit = timeval(
        tv_sec: timeout == nil ? 0 : Int(parts.seconds),
        tv_usec: timeout == nil ? 0 : max(1, Int(parts.attoseconds / 1_000_000_000_000)))
      // The kernel reads the structure; no time at all means for ever.
      unsafe setsockopt(
        descriptor.value, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      lastTimeout = timeout
    }
    var space: UInt64 = 0
    // The kernel writes at most 8 bytes and drops the rest.
    let length = unsafe recv(descriptor.value, &space, 8, 0)
    return length > 0 || length < 0 && (errno == EAGAIN || errno == EINTR)
  }

  /// Sends words and descriptors in one message.
  public func ship(_ words: [UInt64], _ descriptors: [Int32]) throws(XDPError) {
    // Both arrays live for the call, and their sizes are passed on.
    let sent = unsafe words.withUnsafeBytes { bytes in
      unsafe descriptors.withUnsafeBufferPointer { list in
        unsafe cxdp_send_descriptors(
          descriptor.value, bytes.baseAddress, bytes.count, list.baseAddress, UInt32(list.count))
      }
    }
    guard sent == words.count * 8 else {
      throw PeerSocket.refused("hand over shared memory", "sendmsg", errno)
    }
  }

  /// Waits for what `ship` sends; throws if the other end is gone first, or after `timeout`.
  public func unpack(
    wordCount: Int, timeout: Duration
  ) throws(XDPError) -> (words: [UInt64], descriptors: [Int32]) {
    var poller = Poller(capacity: 1)
    poller.add(descriptor.value)
    guard poller.wait(timeout: timeout) > 0 else {
      throw PeerSocket.refused("receive shared memory", "nothing came: recvmsg", ETIMEDOUT)
    }
    var words = [UInt64](repeating: 0, count: wordCount)
    var descriptors = [Int32](repeating: -1, count: Int(CXDP_SHIPMENT_LIMIT))
    var count: UInt32 = 0
    // The kernel writes at most as much as either array holds.
    let length = unsafe words.withUnsafeMutableBytes { bytes in
      unsafe cxdp_receive_descriptors(
        descriptor.value, bytes.baseAddress, bytes.count, &descriptors, &count)
    }
    guard length > 0 else {
      throw PeerSocket.refused("receive shared memory", "recvmsg", length < 0 ? errno : EPIPE)
    }
    return (Array(words.prefix(length / 8)), Array(descriptors.prefix(Int(count))))
  }

  static func refused(_ operation: String, _ call: String, _ errno: Int32) -> XDPError {
    XDPError(
      .system, operation: operation, reason: "\(call) failed (\(Errno(rawValue: errno)))",
      remedy: "look whether the other process is there", errno: Errno(rawValue: errno))
  }
}

/// A process at the other end of a socket, when it connected.
public struct PeerProcess: Sendable, Hashable {
  /// Its number.
  public var process: Int32
  /// Its effective user.
  public var user: UInt32
  /// Its effective group.
  public var group: UInt32

  /// A process of a user and a group.
  public init(process: Int32, user: UInt32, group: UInt32) {
    self.process = process
    self.user = user
    self.group = group
  }
}

private let quietly = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
let seqPacket = Int32(SOCK_SEQPACKET.rawValue)

/// Lends C the address of a Unix socket; false if the path is too long for one.
func withAddress(
  _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
) -> Bool {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  let bytes = Array(path.utf8)
  guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
    errno = ENAMETOOLONG
    return false
  }
  // It fits by the line above, and the rest stays zero.
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
  return unsafe withUnsafePointer(to: address) { pointer in
    // sockaddr_un is one of the forms of sockaddr.
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
}

internal import CXDP
internal import Glibc
internal import SystemPackage

/// The sockets of many peers as one descriptor for a poll set (epoll).
public struct PeerSet: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  /// No peers.
  public init() throws(XDPError) {
    guard let set = OwnedDescriptor(epoll_create1(Int32(O_CLOEXEC))) else {
      throw PeerSocket.refused("watch other processes", "epoll_create1", errno)
    }
    descriptor = set
  }

  /// Readable while a peer has sent something or is gone; this value owns it.
  public var fileDescriptor: Int32 { descriptor.value }

  /// Watches a peer, called by a number of the caller's.
  public func add(_ socket: borrowing PeerSocket, number: Int) throws(XDPError) {
    try add(socket.fileDescriptor, number)
  }

  /// Watches for processes that ask, called by a number of the caller's.
  public func add(_ listener: borrowing PeerListener, number: Int) throws(XDPError) {
    try add(listener.fileDescriptor, number)
  }

  private func add(_ socket: Int32, _ number: Int) throws(XDPError) {
    var event = unsafe epoll_event()
    unsafe event.events = EPOLLIN.rawValue
    unsafe event.data.u64 = UInt64(number)
    // The kernel reads the event.
    guard
      unsafe epoll_ctl(descriptor.value, EPOLL_CTL_ADD, socket, &event) == 0
    else { throw PeerSocket.refused("watch another process", "epoll_ctl", errno) }
  }

  /// Forgets a peer.
  public func remove(_ socket: borrowing PeerSocket) {
    _ = epoll_ctl(descriptor.value, EPOLL_CTL_DEL, socket.fileDescriptor, nil)
  }

  /// The numbers of peers that sent something or are gone, at most 16 of them; never waits.
  public func ready() -> [Int] {
    var events = unsafe [epoll_event](repeating: epoll_event(), count: 16)
    // The kernel writes at most as many events as there is room for.
    let count = unsafe epoll_wait(descriptor.value, &events, Int32(events.count), 0)
    return unsafe events.prefix(max(0, Int(count))).map { unsafe Int($0.data.u64) }
  }
}

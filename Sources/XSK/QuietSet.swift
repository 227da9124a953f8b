internal import CXDP
internal import Glibc
internal import SystemPackage

/// A few file descriptors that seldom have anything to say, as one for a poll set (epoll).
///
/// A sleep looks at each descriptor of its poll set and takes it off again afterwards: with these
/// behind one that costs a packet's way out of a sleep less.
@safe public struct QuietSet: ~Copyable {
  private let epoll: OwnedDescriptor
  /// By place: the descriptor, -1 for none.
  private var descriptors: [Int32]
  /// A bit for each place that was ready when `look` last looked.
  private var ready: UInt64 = 0

  /// A set of `count` empty places, at most 64.
  public init(count: Int) throws(XDPError) {
    precondition((1...64).contains(count), "\(count) places")
    guard let set = OwnedDescriptor(epoll_create1(Int32(O_CLOEXEC))) else {
      let failure = Errno(rawValue: errno)
      throw XDPError(
        .system, operation: "watch file descriptors", reason: "epoll_create1 failed (\(failure))",
        remedy: "look at the limits (ulimit -n)", errno: failure)
    }
    epoll = set
    descriptors = .init(repeating: -1, count: count)
  }

  /// The one for the poll set: readable while any of them is.
  public var fileDescriptor: Int32 { epoll.value }

  /// Puts a descriptor in a place, which stays its owner's; -1 leaves the place empty.
  ///
  /// Traps for what cannot be waited for, such as a file.
  public mutating func replace(at place: Int, with fileDescriptor: Int32) {
    let before = descriptors[place]
    descriptors[place] = fileDescriptor
    // One that was closed since is gone from the set, and its number may be another's by now.
    if before >= 0, before == fileDescriptor || !descriptors.contains(before) {
      _ = epoll_ctl(epoll.value, EPOLL_CTL_DEL, before, nil)
    }
    ready &= ~(1 << UInt64(place))
    guard fileDescriptor >= 0 else { return }
    var event = unsafe epoll_event()
    unsafe event.events = EPOLLIN.rawValue
    unsafe event.data.u32 = UInt32(place)
    // The kernel reads the structure.
    let result = unsafe epoll_ctl(epoll.value, EPOLL_CTL_ADD, fileDescriptor, &event)
    precondition(result == 0, "descriptor \(fileDescriptor) cannot be waited for: errno \(errno)")
  }

  /// Finds out which are ready; `isReady` is what the poll set says of all.
  public mutating func look(isReady: Bool) {
    ready = 0
    guard isReady else { return }
    // Not stored: the type is C's, and a layout that other modules cannot see costs them dearly.
    var events = unsafe [epoll_event](repeating: epoll_event(), count: descriptors.count)
    // The kernel writes at most as many as there are.
    let count = unsafe epoll_wait(epoll.value, &events, Int32(events.count), 0)
    for number in 0..<max(0, Int(count)) {
      unsafe ready |= 1 << UInt64(events[number].data.u32)
    }
  }

  /// Whether the descriptor at `place` was ready as of the last look.
  public func isReady(at place: Int) -> Bool { ready & 1 << UInt64(place) != 0 }
}

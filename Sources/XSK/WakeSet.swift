internal import CXDP
internal import Glibc
internal import SystemPackage

/// What an engine sleeps on: its sockets, and file descriptors that seldom have anything to say
/// (epoll).
///
/// A poll set is joined to every descriptor's wait list for each sleep and taken off again; this
/// one is on the lists until told otherwise. So a sleep costs the same however many there are.
@safe public struct WakeSet: ~Copyable {
  private let epoll: OwnedDescriptor
  /// By place: the descriptor, -1 for none.
  private var descriptors: [Int32]
  /// A bit for each place that was ready as of the last wait.
  private var ready: UInt64 = 0
  /// Where the kernel writes events.
  ///
  /// Raw: the type is C's, and a layout that other modules cannot see costs them dearly.
  private let events: UnsafeMutableRawPointer

  /// More than the places; what finds no room is told by the next wait.
  private static let room = 64
  /// What a socket's events say in place of a place.
  private static let socket = UInt32.max

  /// A set of `count` empty places, at most 63, and no socket.
  ///
  /// One allocation.
  public init(count: Int) throws(XDPError) {
    precondition((1..<Self.room).contains(count), "\(count) places")
    guard let set = OwnedDescriptor(epoll_create1(Int32(O_CLOEXEC))) else {
      let failure = Errno(rawValue: errno)
      throw XDPError(
        .system, operation: "watch file descriptors", reason: "epoll_create1 failed (\(failure))",
        remedy: "look at the limits (ulimit -n)", errno: failure)
    }
    epoll = set
    descriptors = .init(repeating: -1, count: count)
    let size = unsafe MemoryLayout<epoll_event>.stride * Self.room
    unsafe events = .allocate(byteCount: size, alignment: MemoryLayout<UInt64>.alignment)
  }

  deinit { unsafe events.deallocate() }

  /// Puts a descriptor in a place, which stays its owner's; -1 leaves the place empty.
  ///
  /// The set does not sleep while there is something to read from it. Traps for what cannot be
  /// waited for, such as a file.
  public mutating func replace(at place: Int, with fileDescriptor: Int32) {
    let before = descriptors[place]
    descriptors[place] = fileDescriptor
    // One that was closed since is gone from the set, and its number may be another's by now.
    if before >= 0, before == fileDescriptor || !descriptors.contains(before) { remove(before) }
    ready &= ~(1 << UInt64(place))
    guard fileDescriptor >= 0 else { return }
    let result = add(fileDescriptor, as: UInt32(place), EPOLLIN.rawValue)
    precondition(result == 0, "descriptor \(fileDescriptor) cannot be waited for: errno \(errno)")
  }

  /// Lets packets that arrive at a socket end a sleep; -1, for rings in memory, does nothing.
  ///
  /// Only what arrives: whoever sleeps looks at the ring first. The socket stays its owner's. False
  /// if the kernel has no room for it now (`fs.epoll.max_user_watches`).
  public func add(socket fileDescriptor: Int32) -> Bool {
    guard fileDescriptor >= 0 else { return true }
    return add(fileDescriptor, as: Self.socket, EPOLLIN.rawValue | EPOLLET.rawValue) == 0
  }

  /// Takes a socket or another descriptor out.
  public func remove(_ fileDescriptor: Int32) {
    _ = epoll_ctl(epoll.value, EPOLL_CTL_DEL, fileDescriptor, nil)
  }

  /// Says what the kernel said.
  private func add(_ fileDescriptor: Int32, as number: UInt32, _ wanted: UInt32) -> Int32 {
    var event = unsafe epoll_event()
    unsafe event.events = wanted
    unsafe event.data.u32 = number
    // The kernel reads the structure.
    return unsafe epoll_ctl(epoll.value, EPOLL_CTL_ADD, fileDescriptor, &event)
  }

  /// Sleeps until something happens or `timeout` has passed, nil for ever; whether anything did.
  ///
  /// Signals do not end the sleep: a handler that wants to writes to a descriptor of the set
  /// (`StopSignal`). One system call: epoll_wait(2), or for a time epoll_pwait2(2) (Linux 5.11), as
  /// nanoseconds count, which does more on its way.
  @discardableResult
  public mutating func wait(timeout: Duration?) -> Bool {
    guard let timeout else { return wait(milliseconds: -1) }
    return timeout > .zero ? wait(for: timeout) : poll()
  }

  /// Looks what has happened, without a sleep; whether anything has.
  @discardableResult
  public mutating func poll() -> Bool { wait(milliseconds: 0) }

  /// Part of who calls it: after a sleep the processor has forgotten where calls return to, and
  /// stumbles at each.
  @inline(__always)
  private mutating func wait(milliseconds: Int32) -> Bool {
    let list = unsafe events.assumingMemoryBound(to: epoll_event.self)
    while true {
      // The kernel writes at most as many events as there is room for.
      let count = unsafe epoll_wait(epoll.value, list, Int32(Self.room), milliseconds)
      if let isAwake = note(count) { return isAwake }
    }
  }

  /// Apart from the above: an instant's layout is known only when the program runs, which a sleep
  /// for ever would pay for.
  @inline(never)
  private mutating func wait(for timeout: Duration) -> Bool {
    let end = ContinuousClock.now + timeout
    var left = timeout
    while true {
      let parts = left.components
      var limit = timespec(
        tv_sec: Int(parts.seconds), tv_nsec: Int(parts.attoseconds / 1_000_000_000))
      // The kernel writes at most as many events as there is room for, and reads the time.
      let count = unsafe cxdp_epoll_pwait2(epoll.value, events, Int32(Self.room), &limit)
      if let isAwake = note(count) { return isAwake }
      left = max(.zero, end - .now)
    }
  }

  /// Notes which places are among so many events; whether there are any, nil if a signal came
  /// between.
  private mutating func note(_ count: Int32) -> Bool? {
    guard count >= 0 else {
      precondition(errno == EINTR, "the wait failed: errno \(errno)")
      return nil
    }
    ready = 0
    for number in 0..<Int(count) {
      // The kernel wrote so many.
      let place = unsafe events.assumingMemoryBound(to: epoll_event.self)[number].data.u32
      if place != Self.socket { ready |= 1 << UInt64(place) }
    }
    return count > 0
  }

  /// Whether any descriptor that has a place was ready as of the last wait.
  public var isAnyReady: Bool { ready != 0 }

  /// Whether there was something to read from the descriptor at `place` as of the last wait.
  public func isReady(at place: Int) -> Bool { ready & 1 << UInt64(place) != 0 }
}

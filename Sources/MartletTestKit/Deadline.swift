internal import Glibc

/// A point in time that bounds a wait for events.
struct Deadline {
  private let end: ContinuousClock.Instant

  init(_ timeout: Duration) {
    end = .now + timeout
  }

  var hasPassed: Bool { .now >= end }

  /// What is left, for poll(2): rounded up, so that a wait never ends early and spins.
  var milliseconds: Int32 {
    let left = ContinuousClock.now.duration(to: end)
    if left <= .zero { return 0 }
    let (seconds, attoseconds) = left.components
    return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
  }

  /// Waits until one of `descriptors` is readable or hung up and says which; all false after the
  /// deadline.
  func wait(for descriptors: [Int32]) throws -> [Bool] {
    var polls = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // poll(2) writes only the elements of the array it is given.
    try systemCall("poll") { unsafe poll(&polls, nfds_t(polls.count), milliseconds) }
    return polls.map { $0.revents != 0 }
  }
}

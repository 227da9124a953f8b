import CXDP
import Glibc

/// A set of file descriptors to wait for, in memory of its own: waiting allocates nothing.
@safe public struct Poller: ~Copyable {
  /// What to wait for on a file descriptor.
  public struct Events: OptionSet, Sendable {
    /// The bits of poll(2).
    public let rawValue: Int16
    /// The events with these bits of poll(2).
    public init(rawValue: Int16) { self.rawValue = rawValue }
    /// Something can be read (`POLLIN`); a poll of an AF_XDP socket also wakes its fill ring.
    public static let readable = Events(rawValue: Int16(POLLIN))
    /// Something can be written (`POLLOUT`); a poll of an AF_XDP socket in copy mode also sends.
    public static let writable = Events(rawValue: Int16(POLLOUT))
  }

  private let entries: UnsafeMutablePointer<pollfd>
  /// How many descriptors the set has room for.
  public let capacity: Int
  /// How many descriptors were added.
  public private(set) var count = 0

  /// An empty set with room for `capacity` descriptors.
  ///
  /// One allocation.
  public init(capacity: Int) {
    precondition(capacity > 0, "a poll set of no descriptors")
    unsafe entries = .allocate(capacity: capacity)
    unsafe entries.initialize(repeating: pollfd(fd: -1, events: 0, revents: 0), count: capacity)
    self.capacity = capacity
  }

  deinit {
    unsafe entries.deallocate()
  }

  /// Adds a descriptor and answers with its place in the set, for `isReady`.
  ///
  /// Traps if the set is full. The set does not own the descriptor.
  @discardableResult
  public mutating func add(_ fileDescriptor: Int32, events: Events = .readable) -> Int {
    precondition(count < capacity, "the poll set has room for \(capacity) descriptors")
    // In bounds by the line above.
    unsafe entries[count] = pollfd(fd: fileDescriptor, events: events.rawValue, revents: 0)
    count += 1
    return count - 1
  }

  /// Whether something happened to the descriptor at `place`, an error included, as of the last
  /// wait.
  public func isReady(at place: Int) -> Bool {
    precondition((0..<count).contains(place), "place \(place) of \(count)")
    // In bounds by the line above.
    return unsafe entries[place].revents != 0
  }

  /// Waits until something happens or `timeout` has passed; nil waits for ever.
  ///
  /// Answers with the number of descriptors that are ready, 0 for the time-out. Signals do not end
  /// the wait: a handler that wants to writes to a descriptor of the set (`StopSignal`).
  /// One system call, ppoll(2): nanoseconds count.
  public mutating func wait(timeout: Duration?) -> Int {
    let parts = max(.zero, timeout ?? .zero).components
    var left = timespec(tv_sec: Int(parts.seconds), tv_nsec: Int(parts.attoseconds / 1_000_000_000))
    while true {
      // The entries are ours; the kernel reads the time, and when a signal interrupts the call
      // it writes back what is left of it.
      let ready =
        timeout == nil
        ? unsafe cxdp_ppoll(entries, UInt(count), nil)
        : unsafe cxdp_ppoll(entries, UInt(count), &left)
      if ready >= 0 { return Int(ready) }
      precondition(errno == EINTR, "ppoll failed: errno \(errno)")
    }
  }
}

/// Packets of one interface by what the program did with them, since it was attached.
///
/// What happens behind the program - a full receive ring, for example - is counted by the socket.
public struct SteeringCounters: Sendable, Hashable {
  /// To the kernel, because a rule says so or no rule names them.
  public var kernel: UInt64 = 0
  /// Redirected to a socket.
  public var socket: UInt64 = 0
  /// Meant for a socket, but their queue has none: to the kernel.
  public var noSocket: UInt64 = 0
  /// Dropped by a rule.
  public var dropped: UInt64 = 0

  /// Forwarded to another interface by a rule.
  public var forwarded: UInt64 = 0
  /// Sent back by a rule.
  public var returned: UInt64 = 0
  /// To the kernel because the application's heart did not beat.
  public var hung: UInt64 = 0

  /// None yet.
  public init() {}

  /// The sum of `struct counters` of bpf/steer.h, one after the other.
  init(_ words: [UInt64]) {
    for first in stride(from: 0, to: words.count, by: Self.wordCount) {
      kernel += words[first]
      socket += words[first + 1]
      noSocket += words[first + 2]
      dropped += words[first + 3]
      forwarded += words[first + 4]
      returned += words[first + 5]
      hung += words[first + 6]
    }
  }

  /// Of `struct counters`.
  static let wordCount = 8
}

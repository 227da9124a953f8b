public import XSK

/// What becomes of a packet that a rule names.
public enum Action: UInt32, Sendable, Hashable {
  /// To the kernel's network stack, as if the program were not there.
  case kernel = 0
  /// To the AF_XDP socket of the queue on which it arrived; if the queue has none, to the kernel.
  case socket = 1
  /// Nowhere.
  case drop = 2
}

/// Which packets, arriving where, go which way.
///
/// Of several rules the first that matches decides.
public struct Rule: Sendable, Hashable {
  /// Which packets.
  public var match: Match
  /// Where they go.
  public var action: Action
  /// The interface on which they arrive; nil for all that the program is attached to.
  public var interface: Interface?
  /// The queue on which they arrive; nil for all.
  public var queue: Int?

  /// A rule for packets that arrive on one interface and queue or on any.
  public init(_ match: Match, _ action: Action, interface: Interface? = nil, queue: Int? = nil) {
    self.match = match
    self.action = action
    self.interface = interface
    self.queue = queue
  }

  /// Whether no packet escapes this rule, so that those behind it can never decide.
  var namesAll: Bool { match == .everything && interface == nil && queue == nil }
}

public import Wire
public import XSK

/// What becomes of a packet that a rule names.
public enum Action: Sendable, Hashable {
  /// To the kernel's network stack, as if the program were not there.
  case kernel
  /// To the AF_XDP socket of the queue on which it arrived; if the queue has none, to the kernel.
  case socket
  /// Nowhere.
  case drop
  /// To the group's socket for the queue on which it arrived; if it has none there, to the kernel.
  ///
  /// If it has several there, the hash of the flow chooses.
  case group(String)
  /// To the sockets of several groups, among which the hash of the flow chooses.
  case sockets([String], by: FlowHashKind)
  /// Counted, and the search goes on as if the rule were not there.
  case count
  /// Out of another interface, in the kernel.
  case forward(Forwarding)
  /// Out of the interface on which it arrived, its MAC addresses exchanged.
  case back

  /// Whether the search for a rule ends here.
  var decides: Bool { self != .count }
}

/// Whether the two directions of a flow have one hash.
public enum FlowHashKind: Sendable, Hashable {
  /// Each direction has its own.
  case directed
  /// Both have the same, so that one socket sees the whole conversation.
  case symmetric
}

/// How the kernel forwards a packet to another interface.
public struct Forwarding: Sendable, Hashable {
  /// Where it leaves.
  public var interface: InterfaceName
  /// The MAC addresses that it leaves with; nil for those that it came with.
  public var rewrite: Rewrite?
  /// Whether an IP packet's time to live is lowered by one, and its checksum with it.
  ///
  /// What has come to its end goes to the kernel, which tells the sender.
  public var decrementsTTL: Bool

  /// The MAC addresses that a packet leaves with.
  public struct Rewrite: Sendable, Hashable {
    /// The egress interface's.
    public var source: MACAddress
    /// The next hop's.
    public var destination: MACAddress

    /// From this station to that one.
    public init(source: MACAddress, destination: MACAddress) {
      self.source = source
      self.destination = destination
    }
  }

  /// To an interface, changed or as it is.
  public init(
    to interface: InterfaceName, rewrite: Rewrite? = nil, decrementsTTL: Bool = false
  ) {
    self.interface = interface
    self.rewrite = rewrite
    self.decrementsTTL = decrementsTTL
  }
}

/// Which packets, arriving where, go which way.
///
/// Of several rules that match a packet the one with the highest priority decides, among equals the
/// one that was added first.
public struct Rule: Sendable, Hashable {
  /// Which packets.
  public var match: Match
  /// Where they go.
  public var action: Action
  /// Higher comes first.
  public var priority: Int

  /// A rule for packets that match, and that arrive on one interface and queue or on any.
  public init(
    _ match: Match, _ action: Action, interface: Interface? = nil, queue: Int? = nil,
    priority: Int = 0
  ) {
    self.match = match
    self.action = action
    self.priority = priority
    if let interface { self.match.interface = .is(InterfaceName(interface)) }
    if let queue { self.match.queue = .is(queue) }
  }

  /// Whether no packet escapes this rule, so that those behind it can never decide.
  var namesAll: Bool { match == .everything && action.decides }
}

/// A rule's number: it stays with the rule for as long as the rule is there, and no other rule of
/// the program ever gets it.
public struct RuleID: RawRepresentable, Sendable, Hashable, Comparable, CustomStringConvertible {
  /// 1 or more.
  public let rawValue: UInt32

  /// The rule with this number.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// In the order in which they were added.
  public static func < (left: RuleID, right: RuleID) -> Bool { left.rawValue < right.rawValue }

  /// The number.
  public var description: String { "\(rawValue)" }
}

/// Rules to add, remove and replace, all at once.
///
/// Every packet sees the rules before or those after. A rule that a change removes and adds again,
/// equal in all its parts, keeps its number and its counters.
public struct RuleChange: Sendable {
  /// What is done, in this order.
  public enum Step: Sendable, Hashable {
    /// A further rule, behind those with its priority.
    case add(Rule)
    /// A rule goes.
    case remove(RuleID)
    /// Another rule in the place of this one, with its number and its counters.
    case replace(RuleID, with: Rule)
    /// All rules go.
    case removeAll
  }

  /// What is done, in this order.
  public var steps: [Step]
  /// Unless the change is confirmed within this time, it is undone; nil if it needs no
  /// confirmation.
  public var confirmWithin: Duration?

  /// A change of these steps.
  public init(_ steps: [Step] = [], confirmWithin: Duration? = nil) {
    self.steps = steps
    self.confirmWithin = confirmWithin
  }

  /// Adds a rule.
  public mutating func add(_ rule: Rule) { steps.append(.add(rule)) }

  /// Removes a rule.
  public mutating func remove(_ rule: RuleID) { steps.append(.remove(rule)) }

  /// Puts another rule in the place of one.
  public mutating func replace(_ rule: RuleID, with other: Rule) {
    steps.append(.replace(rule, with: other))
  }
}

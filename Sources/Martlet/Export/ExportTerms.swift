/// How the packets of a flow group come to lie in its pages: what decides whether another process
/// may see them.
public enum ExportPlacement: Sendable, Hashable {
  /// Nothing else is sent to the queues that receive into the group's arena.
  case exact
  /// A hash sends the group's packets to queues of their own, and whatever else has that hash.
  ///
  /// In zero copy the NIC has written such strangers into the arena before anything could drop
  /// them: that is refused, unless the application declares a closed world, in which none comes.
  case bucket(isClosedWorld: Bool)
  /// Packets lie in pages of their own, among other groups' pages.
  ///
  /// They reach the arena by a copy, which is counted; refused unless `copies`.
  case isolated(copies: Bool)
  /// Packets of several groups lie in one page, for this reason.
  case shared(reason: String)

  /// Whether packets are copied into the arena.
  var copies: Bool { self == .isolated(copies: true) }
}

/// What a process that was given a packet says of it.
@frozen public enum FlowVerdict: UInt8, Sendable, Hashable, CaseIterable {
  /// It goes nowhere.
  case drop = 1
  /// It goes on, through the port that the engine chose.
  case forward = 2
  /// It goes to the network stack.
  case kernel = 3
}

/// On what terms a flow group is exported.
public struct ExportTerms: Sendable, Hashable {
  /// How the group's packets come to lie in its pages.
  public var placement: ExportPlacement
  /// Where packets go whose verdict is `forward`, and what a tenant sends; nil is nowhere.
  public var forwardPort: Port?
  /// A port at whose other end the network stack is, such as one end of a veth pair: where packets
  /// go whose verdict is `kernel`.
  ///
  /// What is sent on the interface that a packet came from leaves it; see `injectsIntoStack`.
  public var kernelPort: Port?
  /// Whether packets whose verdict is `kernel` are put back in front of the stack of the interface
  /// they came from, one by one, where there is no `kernelPort`.
  ///
  /// A copy and a system call of 10 to 40 microseconds each (`StackInjection`): for ARP and the
  /// like. A consumer that asks for more waits; others do not. Not on an interface in generic mode,
  /// whose program would take them off again.
  public var injectsIntoStack = false
  /// The verdicts that the consumer may give.
  ///
  /// Nil is all that there are ports for.
  public var verdicts: Set<FlowVerdict>?
  /// Most packets that the consumer can have at a time; further ones are dropped and counted.
  ///
  /// Nil is half of what the arena holds, so that the other half can receive.
  public var packetLimit: Int?
  /// How long the consumer may have packets and give none back before its export ends.
  ///
  /// Nil is for ever: then a stalled consumer keeps its packets, and only those.
  public var stallLimit: Duration? = .seconds(10)

  /// Terms for a group that is placed like that; drop is the only verdict until there are ports.
  public init(_ placement: ExportPlacement, forwardPort: Port? = nil, kernelPort: Port? = nil) {
    self.placement = placement
    self.forwardPort = forwardPort
    self.kernelPort = kernelPort
  }

  /// The verdicts that something can be done about.
  var possibleVerdicts: Set<FlowVerdict> {
    var verdicts: Set<FlowVerdict> = [.drop]
    if forwardPort != nil { verdicts.insert(.forward) }
    if kernelPort != nil || injectsIntoStack { verdicts.insert(.kernel) }
    return verdicts
  }
}

/// A flow group that another process was given: the name the application calls it by.
public struct FlowExport: Hashable, Sendable {
  let index: Int
  /// Tells it from the ones that had the number before.
  let serial: UInt64
}

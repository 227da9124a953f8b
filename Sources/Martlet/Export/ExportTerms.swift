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
  /// Whether the application declares that nothing but the group's packets can arrive where a port
  /// in zero copy receives for it.
  ///
  /// The NIC writes what arrives before anything could drop it. Where the engine itself knows that
  /// nothing else comes (`Engine.placement(of:)`, exact), this need not be said.
  public var isClosedWorld = false
  /// Whether packets of the group that lie elsewhere, such as in pages of an isolated group, may be
  /// copied into its arena, which is counted.
  public var copies = false
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
  /// Most packets that the consumer can have at a time, 1 or more; further ones are dropped and
  /// counted.
  ///
  /// Nil is half of what the arena holds, so that the other half can receive.
  public var packetLimit: Int?
  /// How long the consumer may have packets and give none back before its export ends.
  ///
  /// Nil is for ever: then a stalled consumer keeps its packets, and only those.
  public var stallLimit: Duration? = .seconds(10)

  /// Terms of which drop is the only verdict, unless there are ports.
  public init(forwardPort: Port? = nil, kernelPort: Port? = nil) {
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

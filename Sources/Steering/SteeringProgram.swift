public import XSK

/// The eBPF program that decides which packets reach the application, and the interfaces it is
/// attached to.
///
/// One program serves all interfaces of an application: loading takes a few milliseconds, attaching
/// it to the first interface waits for the kernel (10-30 ms), attaching the same program to a
/// further one does not wait again. All interfaces must be of one network namespace.
///
/// Without rules every packet goes to the kernel, as if nothing were attached. Changing rules is
/// atomic: each packet sees the rules before or those after. Dropping the value detaches from all
/// interfaces.
///
/// The picture and the limits are in docs/steering.md.
public struct SteeringProgram: ~Copyable {
  // In the order in which they go: attachments, the dispatcher's program, the object.
  var ports: [AttachedPort] = []
  /// From the first attempt to attach under the dispatcher on.
  var dispatched: DispatchedProgram?
  var object: ProgramObject
  /// Rules in force.
  var rules: RuleSet
  /// Which of the two places in the rules map they stand in.
  var place: UInt32 = 0
  /// Whether the other place was in force before, so that a packet may still be looking at it.
  var otherPlaceWasUsed = false
  /// Whether the dispatcher holds all of it or links do: known before anything is attached.
  var usesDispatcher: Bool
  let socketCapacity: Int
  let acceptsFragments: Bool

  /// Prepares the program, attached to nothing yet.
  ///
  /// - Parameter socketCapacity: queues of all interfaces together.
  /// - Parameter acceptsFragments: whether packets of several fragments reach the program; MTUs
  ///   beyond one page need it, Linux before 5.18 does not have it.
  ///
  /// Throws `.notPermitted`, `.unsupported` or `.memoryLimit`.
  public init(socketCapacity: Int = 256, acceptsFragments: Bool = false) throws(XDPError) {
    guard (1...65_536).contains(socketCapacity) else {
      throw XDPError(
        .configuration, operation: "load the steering program",
        reason: "there cannot be \(socketCapacity) sockets", remedy: "ask for 1 to 65536")
    }
    let rules = try RuleSet()
    let object = try ProgramObject(socketCount: socketCapacity, acceptsFragments: acceptsFragments)
    let usesDispatcher = Self.kernelHasDispatcher()
    // Under the dispatcher libxdp loads the program, for the dispatcher it goes with.
    if !usesDispatcher { try object.load() }
    object.settings.setRules(rules.word(place: 0))
    self.object = object
    self.rules = rules
    self.usesDispatcher = usesDispatcher
    self.socketCapacity = socketCapacity
    self.acceptsFragments = acceptsFragments
  }

  // What it owns is let go by the owners: ports detach before the object closes.
  deinit {
    for port in ports { object.settings.setPort(port.number, interface: 0) }
  }
}

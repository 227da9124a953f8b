public import XSK

/// The eBPF program that decides which packets reach the application, and the interfaces it is
/// attached to.
///
/// One program serves all interfaces of an application: loading takes a millisecond, attaching
/// it to the first interface waits for the kernel (10-30 ms), attaching the same program to a
/// further one does not wait again. All interfaces must be of one network namespace.
///
/// Without rules every packet goes to the kernel, as if nothing were attached. Changing rules is
/// atomic: each packet sees the rules before or those after. Dropping the value detaches from all
/// interfaces.
///
/// The picture and the limits are in docs/steering.md.
public struct SteeringProgram: ~Copyable {
  var ports: [AttachedPort] = []
  /// From the first attempt to attach under the dispatcher on.
  var dispatched: DispatchedProgram?
  var object: ProgramObject
  /// The rules and what they stand in: made when the first rule comes.
  var engine: RuleEngine?
  /// Rules in force.
  var book = RuleBook()
  /// What says that they are in force.
  var word: SteeringWord
  /// The rules that come back unless those in force are confirmed.
  var unconfirmed: Unconfirmed?
  var nextRule: UInt32 = 1
  var nextWord: UInt32 = 1
  var groups: [String: SocketGroup] = [:]
  /// Places among the sockets that are no queue's own.
  var furtherSockets: Set<Int> = []
  /// The kernel's clock, once somebody asked for it.
  var clock: JiffiesClock?
  var heartbeat: Duration?
  /// Whether the dispatcher holds all of it or links do: known before anything is attached.
  var usesDispatcher: Bool
  let socketCapacity: Int
  let acceptsFragments: Bool
  let layout: CPULayout
  /// Whether facts are written in front of what goes to a socket.
  var writesFacts = false
  /// Whether they say when the program saw the packet.
  var stampsFacts = false
  /// The interface whose driver says what it knows in them, where it does.
  var asked: Interface?
  /// What tells facts from bytes that look like them: no packet can know it.
  package let factsSeal = UInt64.random(in: 1...UInt64.max)

  /// Prepares the program, attached to nothing yet.
  ///
  /// - Parameter socketCapacity: queues of all interfaces together.
  /// - Parameter flowCacheSize: flows that each processor remembers once there are rules, 82 bytes
  ///   each; a flow that finds no place is classified packet by packet. A power of two, rounded up,
  ///   to 2^20 at most, before Linux 6.0 to 2^15.
  /// - Parameter acceptsFragments: whether packets of several fragments reach the program; MTUs
  ///   beyond one page need it, Linux before 5.18 does not have it.
  ///
  /// Throws `.configuration`, `.notPermitted`, `.unsupported` or `.memoryLimit`.
  public init(
    socketCapacity: Int = 256, acceptsFragments: Bool = false, flowCacheSize: Int = 16_384
  ) throws(XDPError) {
    guard (1...65_536).contains(socketCapacity) else {
      throw XDPError(
        .configuration, operation: "load the steering program",
        reason: "there cannot be \(socketCapacity) sockets", remedy: "ask for 1 to 65536")
    }
    guard CPULayout.flowCounts.contains(flowCacheSize) else {
      throw XDPError(
        .configuration, operation: "load the steering program",
        reason: "the cache cannot have \(flowCacheSize) flows",
        remedy: "ask for 1 to \(CPULayout.flowCounts.upperBound)")
    }
    let object = try ProgramObject(socketCount: socketCapacity, acceptsFragments: acceptsFragments)
    let usesDispatcher = Self.kernelHasDispatcher()
    // Under the dispatcher libxdp loads the program, for the dispatcher it goes with.
    if !usesDispatcher { try object.load() }
    word = SteeringWord(set: nil, defaultAction: 0, number: 0)
    object.settings.setRules(word)
    self.object = object
    layout = CPULayout(flowCount: flowCacheSize)
    self.usesDispatcher = usesDispatcher
    self.socketCapacity = socketCapacity
    self.acceptsFragments = acceptsFragments
    setFlags()
  }

  // What it owns is let go by the owners: ports detach before the object closes.
  deinit {
    for port in ports { object.settings.clearPort(port.number) }
  }
}

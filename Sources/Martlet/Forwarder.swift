/// Passes packets between two interfaces, or back out of one, as a closure decides.
///
/// It takes every frame that arrives, in order per direction and queue; queue `q` of one side goes
/// to queue `q` of the other, or where that has fewer, to `q` modulo their number. All queues are
/// served by the thread that runs it; a `Crew` has a thread for each.
public struct Forwarder: ~Copyable {
  /// The engine underneath: ports, ledger, reports.
  public var engine: Engine
  /// The rule that takes what no other names; nil for a forwarder over an engine of one's own.
  public let restRule: RuleID?
  /// Where packets of each port go, by port.
  @usableFromInline let routes: [Route]

  /// One direction between two ports.
  @usableFromInline struct Route: Sendable {
    @usableFromInline let source: Port
    @usableFromInline let destination: Port
  }

  /// Which queues of an interface a forwarder serves.
  public enum Queues: Sendable, Hashable {
    /// Every receive queue the interface has.
    case all
    /// One queue alone.
    case only(Int)

    /// The queues that are meant on `interface`, to bind.
    ///
    /// Throws if all are meant and there is no such interface.
    public func names(of interface: String) throws(XDPError) -> [QueueName] {
      switch self {
      case .all: try QueueName.all(of: interface)
      case .only(let queue): [QueueName(interface, queue: queue)]
      }
    }
  }

  /// A forwarder between `left` and `right`, or one that sends back out of `left` if that is all.
  ///
  /// Takes over what arrives on the interfaces but for what `leavingToKernel` and `rules` name; the
  /// kernel sees nothing of the rest until the forwarder goes. What takes the rest is a rule too,
  /// `restRule`, with the lowest priority there is: rules that are added later come before it.
  /// Memory is shared evenly among the ports unless the configuration says otherwise. Throws an
  /// error that says what to do; then nothing is left behind.
  public init(
    _ left: String, _ right: String? = nil, queues: Queues = .all, mode: ModeRequest = .auto,
    leavingToKernel: [Match] = [], rules: [Rule] = [],
    configuration: Engine.Configuration = .transparent
  ) throws(XDPError) {
    let leftQueues = try queues.names(of: left)
    let rightQueues = if let right { try queues.names(of: right) } else { [QueueName]() }
    let names = leftQueues + rightQueues
    var configuration = configuration
    if configuration.fillDepth == nil {
      // No port follows these, which the engine by itself cannot know.
      configuration.fillDepth = configuration.fillShare(among: names.count)
    }
    var engine = try Engine(configuration)
    let ports = try engine.bind(names, mode: mode)
    let restRule = try engine.takeRest(leavingToKernel: leavingToKernel, rules: rules)
    self.init(
      engine, from: Array(ports.prefix(leftQueues.count)),
      to: Array(ports.dropFirst(leftQueues.count)), restRule: restRule)
  }

  /// A forwarder between ports of an engine that have their rules already.
  init(_ engine: consuming Engine, from left: [Port], to right: [Port], restRule: RuleID?) {
    routes = Self.routes(left, right)
    self.restRule = restRule
    self.engine = engine
  }

  /// A forwarder over an engine of one's own: both directions between two of its ports, or back out
  /// of `left` if that is all.
  public init(_ engine: consuming Engine, _ left: Port, _ right: Port? = nil) {
    routes = Self.routes([left], right.map { [$0] } ?? [])
    restRule = nil
    self.engine = engine
  }

  /// Forwards until `stop`, SIGINT or SIGTERM: asks `decide` about every packet.
  ///
  /// Throws when an interface vanishes. Allocates nothing while it runs.
  @inlinable
  public mutating func run(_ decide: (inout Packet) -> Verdict) throws(XDPError) {
    try engine.stopOnSignals()
    while try engine.wait() { turn(decide) }
  }

  /// Takes one burst off every port and returns how many packets that were.
  ///
  /// For loops of one's own, after each `engine.wait`.
  @inlinable @inline(__always) @discardableResult
  public mutating func turn(_ decide: (inout Packet) -> Verdict) -> Int {
    var count = 0
    for index in routes.indices {
      count &+= engine.forward(
        from: routes[index].source, to: routes[index].destination, decide)
    }
    return count
  }

  private static func routes(_ left: [Port], _ right: [Port]) -> [Route] {
    guard !right.isEmpty else { return left.map { Route(source: $0, destination: $0) } }
    let there = left.enumerated().map { number, port in
      Route(source: port, destination: right[number % right.count])
    }
    let back = right.enumerated().map { number, port in
      Route(source: port, destination: left[number % left.count])
    }
    return there + back
  }
}

extension Engine {
  /// Adds the rules of a forwarder; answers with the one that takes what no other names.
  mutating func takeRest(
    leavingToKernel: [Match], rules: [Rule]
  ) throws(XDPError) -> RuleID? {
    var change = RuleChange(leavingToKernel.map { .add(Rule($0, .kernel)) })
    for rule in rules { change.add(rule) }
    change.add(Rule(.everything, .socket, priority: .min))
    return try apply(change).last
  }
}

extension Engine.Configuration {
  /// The defaults for something that must pass on every frame as it was sent.
  public static var transparent: Engine.Configuration {
    var configuration = Engine.Configuration()
    configuration.isTransparent = true
    // It keeps no packet: what packing gains is nothing to it, and aligned slots cost less.
    configuration.isUnaligned = false
    return configuration
  }
}

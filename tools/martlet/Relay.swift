import Martlet

/// Takes what arrives and passes it on, sends it back or drops it.
struct Relay: ~Copyable, Worker {
  /// What becomes of a packet.
  enum Action {
    case forward
    case reflect
    case sink
  }

  private var forwarder: Forwarder
  private let action: Action
  let directions: [Direction]
  private(set) var seenRules: SeenRules?

  /// A relay between two interfaces, or at one.
  init(
    _ action: Action, _ left: String, _ right: String? = nil, options: CommonOptions,
    rules: [Rule] = [], configuration: Engine.Configuration
  ) throws(XDPError) {
    var configuration = configuration
    configuration.isTransparent = true
    configuration.isUnaligned = false
    self.action = action
    directions =
      switch right {
      case let right?:
        [
          Direction(label: "->", source: left, destination: right),
          Direction(label: "<-", source: right, destination: left),
        ]
      case nil:
        [Direction(label: left, source: left, destination: action == .sink ? nil : left)]
      }
    forwarder = try Forwarder(
      left, right, queues: options.queue, mode: options.mode, rules: rules,
      configuration: configuration)
    if configuration.readsFacts { seenRules = SeenRules(restRule: forwarder.restRule) }
  }

  var engine: Engine {
    _read { yield forwarder.engine }
    _modify { yield &forwarder.engine }
  }

  var restRule: RuleID? { forwarder.restRule }

  var isDone: Bool { false }

  func pause(at now: ContinuousClock.Instant) -> Duration? { nil }

  mutating func turn(at now: ContinuousClock.Instant) { turn() }

  /// As much as a receive ring holds, since the packets may never cease.
  mutating func finish() {
    for _ in 0..<Self.lastTurns where turn() == 0 { return }
  }

  /// Bursts that empty a receive ring.
  private static let lastTurns = Engine.Configuration().ringSize / Engine.Configuration().burst

  /// Takes a burst off every port and returns how many packets that were.
  @discardableResult
  private mutating func turn() -> Int {
    switch action {
    case .forward where seenRules != nil:
      countingTurn()
    case .forward:
      forwarder.turn { _ in .forward }
    case .reflect:
      forwarder.turn { packet in
        packet.swapAddresses()
        return .forward
      }
    case .sink:
      forwarder.turn { _ in .drop }
    }
  }

  private mutating func countingTurn() -> Int {
    var seen = seenRules
    // One owner at a time: nothing is copied.
    seenRules = nil
    defer { seenRules = seen }
    return forwarder.turn { packet in
      seen?.count(packet.facts)
      return .forward
    }
  }
}

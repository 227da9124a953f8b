import Martlet

/// Takes what arrives and passes it on, sends it back or drops it.
struct Relay: ~Copyable, Worker {
  /// What becomes of a packet.
  enum Action {
    case forward
    case reflect
    case sink
  }

  private var crew: Crew
  private let action: Action
  private let board = ReportBoard()
  let directions: [Direction]
  private let neverSleeps: Bool
  /// What the first worker saw of the rules; nil if nobody looks.
  private var ownSeen: SeenRules?

  /// A relay between two interfaces, or at one.
  init(
    _ action: Action, _ left: String, _ right: String? = nil, options: CommonOptions,
    rules: [Rule] = [], configuration: Engine.Configuration
  ) throws(XDPError) {
    var configuration = configuration
    configuration.isTransparent = true
    configuration.isUnaligned = false
    self.action = action
    neverSleeps = configuration.isSpinning || configuration.isBusyPolling
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
    crew = try Crew(
      left, right, queues: options.queue, mode: options.mode, rules: rules,
      processors: options.cpu, configuration: configuration)
    if configuration.readsFacts { ownSeen = SeenRules(restRule: crew.first.restRule) }
  }

  var engine: Engine {
    _read { yield crew.first.engine }
    _modify { yield &crew.first.engine }
  }

  var restRule: RuleID? { crew.first.restRule }

  var isDone: Bool { false }

  func pause(at now: Duration) -> Duration? { nil }

  var seenRules: SeenRules? { ownSeen.map { board.seen.reduce($0) { $0.adding($1) } } }

  mutating func turn(at now: Duration) -> Bool {
    action.turn(&crew.first, &ownSeen) >= Action.burst || neverSleeps
  }

  mutating func finish() { action.finish(&crew.first, &ownSeen) }

  mutating func startMates(isWatched: Bool) throws(XDPError) {
    let (action, board, unseen) = (action, board, ownSeen)
    try crew.start { forwarder throws(XDPError) in
      var seen = unseen
      while try forwarder.engine.wait(timeout: isWatched ? ReportBoard.interval : nil) {
        action.turn(&forwarder, &seen)
        if isWatched { board.post(forwarder.engine, seen) }
      }
      action.finish(&forwarder, &seen)
      board.post(forwarder.engine, seen, isLast: true)
    }
  }

  var mateReports: [PortReport] { board.reports }

  func stopMates() { crew.stop() }

  mutating func joinMates() throws(XDPError) { try crew.join() }

  mutating func report(duration: Duration) -> RunReport {
    RunReport(crew.report(), duration: duration)
  }
}

extension Relay.Action {
  /// Turns that empty a receive ring, also if bursts are small.
  private static let lastTurns = Engine.Configuration().ringSize / burst
  /// So many at once are followed by more.
  fileprivate static let burst = 64

  /// As much as a receive ring holds, since the packets may never cease.
  fileprivate func finish(_ forwarder: inout Forwarder, _ seen: inout SeenRules?) {
    for _ in 0..<Self.lastTurns where turn(&forwarder, &seen) == 0 { return }
  }

  /// Takes a burst off every port and returns how many packets that were.
  @discardableResult
  fileprivate func turn(_ forwarder: inout Forwarder, _ seen: inout SeenRules?) -> Int {
    switch self {
    case .forward where seen != nil:
      forwarder.turn { packet in
        seen?.count(packet.facts)
        return .forward
      }
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
}

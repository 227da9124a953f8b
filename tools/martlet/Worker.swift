import Martlet

/// What a command does with an engine, a burst at a time; the session around it does the rest.
protocol Worker: ~Copyable {
  /// The engine it works with.
  var engine: Engine { get set }
  /// The rule of the command's own, which takes what the user's rules do not name.
  var restRule: RuleID? { get }
  /// Whether there is nothing left to do.
  var isDone: Bool { get }
  /// The pairs of directions to show while it runs: where packets come in and where they leave.
  var directions: [Direction] { get }

  /// What it saw of the rules; nil if it does not look.
  var seenRules: SeenRules? { get }

  /// Whether it matters to it what time it is; otherwise it may be told any.
  var isTimed: Bool { get }

  /// How long the engine may sleep if no packet comes; nil for as long as it likes.
  ///
  /// Times are counted from the start of the run: a duration's layout is known when this is
  /// compiled, an instant's is not, and asking for it each time costs more than a small burst.
  func pause(at now: Duration) -> Duration?

  /// Does what there is to do, at most a burst of packets per port.
  ///
  /// True if what time it is does not matter to the next turn, which comes soon: there were many
  /// packets, or the engine never sleeps.
  mutating func turn(at now: Duration) -> Bool

  /// Does what is left to do with packets that have arrived; begins nothing new.
  mutating func finish()

  /// Starts the workers that have threads of their own.
  ///
  /// With `isWatched` they tell now and then how far they are.
  mutating func startMates(isWatched: Bool) throws(XDPError)

  /// What the ports of those workers did so far, as they told last.
  var mateReports: [PortReport] { get }

  /// Asks those workers to stop.
  func stopMates()

  /// Waits for their end; throws what one of them threw.
  mutating func joinMates() throws(XDPError)

  /// What all of them have to show, once they have ended.
  mutating func report(duration: Duration) -> RunReport
}

/// A worker that is alone.
extension Worker where Self: ~Copyable {
  mutating func startMates(isWatched: Bool) {}
  var mateReports: [PortReport] { [] }
  func stopMates() {}
  mutating func joinMates() {}
  mutating func report(duration: Duration) -> RunReport {
    RunReport(of: engine, duration: duration)
  }
}

extension Worker where Self: ~Copyable {
  var seenRules: SeenRules? { nil }
  var isTimed: Bool { false }
}

/// One way packets go: its name for the live line and the interfaces at both ends.
struct Direction {
  var label: String
  var source: String?
  var destination: String?
}

import Martlet
import Synchronization

/// Where workers with threads of their own tell now and then how far their ports are.
final class ReportBoard: Sendable {
  /// How often they tell.
  static let interval = Duration.milliseconds(500)

  private struct Entry {
    var reports: [PortReport]
    var seen: SeenRules?
    var time: ContinuousClock.Instant
  }

  /// By each worker's first port.
  private let entries = Mutex<[Port: Entry]>([:])

  /// Tells, if it is time to or the worker has come to its end.
  func post(_ engine: borrowing Engine, _ seen: SeenRules?, isLast: Bool = false) {
    guard let first = engine.allPorts.first else { return }
    let now = ContinuousClock.now
    let last = entries.withLock { $0[first]?.time }
    if let last, !isLast, now < last + Self.interval { return }
    let reports = engine.allPorts.map { engine.report(of: $0) }
    entries.withLock { $0[first] = Entry(reports: reports, seen: seen, time: now) }
  }

  /// What they told last.
  var reports: [PortReport] { entries.withLock { $0.values.flatMap(\.reports) } }

  /// What each saw of the rules, when it told last.
  var seen: [SeenRules] { entries.withLock { $0.values.compactMap(\.seen) } }
}

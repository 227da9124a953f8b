import Martlet
import MartletTestKit
import Synchronization

/// A forwarder at work on a thread of its own, until it is told to `finish`.
final class RunningForwarder: Sendable {
  /// What it leaves behind; by then it is gone, and with it everything that was attached.
  struct Outcome: Sendable {
    /// By port, in the order of binding.
    var reports: [PortReport]
    var ledger: FrameLedger
    var disagreement: String?
    /// What ended it, if that was not `finish`.
    var error: XDPError?
  }

  private let stop: StopSignal
  private let thread: TestThread<Outcome>

  /// Binds in the calling thread's network namespace; packets pass when this returns.
  init(
    _ left: String, _ right: String? = nil, queues: Forwarder.Queues = .all,
    mode: ModeRequest = .auto, configuration: Engine.Configuration = .transparent,
    decide: @escaping @Sendable (inout Packet) -> Verdict = { _ in .forward }
  ) throws {
    let forwarder = try Forwarder(
      left, right, queues: queues, mode: mode, configuration: configuration)
    stop = forwarder.engine.stopSignal
    let parcel = Parcel(forwarder)
    thread = TestThread { parcel.run(decide) }
  }

  /// Stops it and answers with its books.
  func finish() throws -> Outcome {
    stop.request()
    return try thread.join()
  }

  /// Waits until it ended by itself.
  func join() throws -> Outcome { try thread.join() }

  deinit { stop.request() }
}

/// Carries a forwarder to its thread.
private final class Parcel: Sendable {
  private let content: Mutex<Forwarder?>

  init(_ forwarder: consuming sending Forwarder) { content = Mutex(forwarder) }

  func run(_ decide: (inout Packet) -> Verdict) -> RunningForwarder.Outcome {
    guard var forwarder = content.withLock({ $0.take() }) else {
      preconditionFailure("a forwarder runs once")
    }
    var failure: XDPError?
    do throws(XDPError) {
      while try forwarder.engine.wait() { forwarder.turn(decide) }
    } catch {
      failure = error
    }
    // What came before the stop was seen is decided about as well.
    for _ in 0..<64 where forwarder.turn(decide) == 0 { break }
    let engine = forwarder.engine.allPorts.map { forwarder.engine.report(of: $0) }
    return RunningForwarder.Outcome(
      reports: engine, ledger: forwarder.engine.ledger(),
      disagreement: forwarder.engine.firstDisagreement(), error: failure)
  }
}

internal import XSK

/// A worker of a crew with a thread of its own.
final class Mate: Sendable {
  /// The worker's number, from 1.
  let number: Int
  /// Ends its loop.
  let stop: StopSignal
  private let forwarder: Berth<Forwarder>
  private let trouble: Trouble

  /// How long what was sent may take to come home at the end.
  static let drainTime = Duration.milliseconds(20)

  init(_ forwarder: consuming Forwarder, number: Int, trouble: Trouble) {
    self.number = number
    self.trouble = trouble
    stop = forwarder.engine.stopSignal
    self.forwarder = Berth(forwarder)
  }

  /// Works on the calling thread; nobody has the forwarder meanwhile.
  func run(
    _ work: (inout Forwarder) throws(XDPError) -> Void, on processor: Processor?
  ) {
    do throws(XDPError) {
      try processor?.pinThread()
      try forwarder.with { forwarder throws(XDPError) in try work(&forwarder) }
    } catch {
      trouble.note(error)
    }
    forwarder.with { forwarder in
      forwarder.engine.drain(timeout: Self.drainTime)
      // Signals are a thread's own, and another may let go of the forwarder.
      forwarder.engine.leaveSignals()
    }
  }

  /// Looks at its engine; waits for its thread if it has one.
  func with<R>(_ body: (inout Engine) -> R) -> R { forwarder.with { body(&$0.engine) } }
}

import XSK

/// What one worker says by that it is alive: see `SteeringProgram.setHeartbeat`.
///
/// It has the program's settings mapped for itself, so that beating takes no lock.
public final class Heart: Sendable {
  private let settings: SettingsPage
  private let clock: JiffiesClock
  /// The worker's number.
  public let worker: Int

  /// Workers that can have a heart each.
  public static let limit = SettingsPage.workerCount

  init(of worker: Int, settings: consuming SettingsPage, clock: JiffiesClock) {
    self.settings = settings
    self.clock = clock
    self.worker = worker
  }

  /// Says that the worker is alive.
  ///
  /// A store and a look at a clock, without a system call.
  public func beat() { settings.beat(clock.ticks, worker: worker) }
}

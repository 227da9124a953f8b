internal import Synchronization

/// The steering of the engines of one memory, one thread at a time.
///
/// Nothing that a packet waits for takes the lock: a worker beats its own `Heart`, and its rings
/// are its own.
final class SharedSteering: Sendable {
  private let state = Mutex(SteeringState())

  /// Lets `body` work with the state, alone.
  func with<R: Sendable, E: Error>(
    _ body: (inout SteeringState) throws(E) -> R
  ) throws(E) -> R {
    try state.withLock { state throws(E) in try body(&state) }
  }
}

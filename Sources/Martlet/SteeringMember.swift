/// An engine's part in the steering that it shares; when it goes, the engine's ports are steered to
/// no more.
///
/// A class, as what lets go of the ports has to be alone in doing so.
final class SteeringMember {
  let shared: SharedSteering
  /// The engine's number.
  let worker: Int
  /// Rung when the heartbeat changes.
  let doorbell: Doorbell

  init(of shared: SharedSteering, worker: Int) throws(XDPError) {
    let doorbell = try Doorbell()
    self.shared = shared
    self.worker = worker
    self.doorbell = doorbell
    shared.with { $0.enter(worker, doorbell) }
  }

  deinit { shared.with { $0.leave(worker) } }
}

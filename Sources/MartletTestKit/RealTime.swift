internal import Glibc

/// Runs `body` before every other thread of the processors that it moves to (`SCHED_FIFO`), then
/// goes back to what the calling thread was.
///
/// For a few system calls: nothing else runs there meanwhile. Needs root.
public func inRealTime<R>(_ body: () throws -> R) throws -> R {
  let policy = sched_getscheduler(0)
  try schedule(SCHED_FIFO, priority: 1)
  defer { try? schedule(policy, priority: 0) }
  return try body()
}

private func schedule(_ policy: Int32, priority: Int32) throws {
  var parameters = sched_param()
  parameters.sched_priority = priority
  // The kernel reads the parameters.
  guard unsafe sched_setscheduler(0, policy, &parameters) == 0 else {
    throw TestKitError("sched_setscheduler")
  }
}

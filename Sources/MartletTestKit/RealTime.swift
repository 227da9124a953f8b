internal import Glibc

/// Runs `body` before every other thread of the processors that it moves to (`SCHED_FIFO`), then
/// goes back to what the calling thread was.
///
/// For a few system calls: nothing else runs there meanwhile. Needs root.
public func inRealTime<R>(_ body: () throws -> R) throws -> R {
  let policy = sched_getscheduler(0)
  precondition(policy == SCHED_OTHER, "the thread runs in real time already, or its policy is odd")
  try schedule(SCHED_FIFO, priority: 1)
  let result = Result { try body() }
  try schedule(policy, priority: 0)
  return try result.get()
}

private func schedule(_ policy: Int32, priority: Int32) throws {
  var parameters = sched_param()
  parameters.sched_priority = priority
  // The kernel reads the parameters.
  guard unsafe sched_setscheduler(0, policy, &parameters) == 0 else {
    throw TestKitError("sched_setscheduler")
  }
}

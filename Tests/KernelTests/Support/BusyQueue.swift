import Martlet

/// Tries again while a queue is busy.
///
/// The kernel frees the queue of a socket that was closed under a lock that setting up interfaces
/// takes too, and dozens of tests do that at once: it may take longer than the library waits.
func whileBusy<Bound: ~Copyable>(_ body: () throws(XDPError) -> Bound) throws(XDPError) -> Bound {
  let end = ContinuousClock.now + patience
  while true {
    do throws(XDPError) {
      return try body()
    } catch {
      guard error.kind == .queueBusy, ContinuousClock.now < end else { throw error }
    }
  }
}

import CXDP
import Synchronization
import SystemPackage
import XSK

/// The kernel's wait, on a thread of its own, until every packet that a program was looking at when
/// it began is done with.
///
/// Some ticks, 16 ms as a rule. The thread runs where its starter does; if that leaves it no time,
/// whoever wants the end waits as if there were no thread.
struct GracePeriod: ~Copyable {
  private let thread: WorkerThread
  private let outcome = Outcome()

  /// Begins the wait; nil if there may be no further thread.
  init?() {
    let outcome = outcome
    // Signals are for threads that know what to do with them.
    let thread = try? WorkerThread(takesSignals: false) {
      outcome.note(try? Self.wait())
    }
    guard let thread else { return nil }
    self.thread = thread
  }

  /// Whether every such packet is known to be done with.
  var isOver: Bool { outcome.isOver }

  /// Waits for the end; false if the kernel refused to wait.
  consuming func wait() -> Bool {
    let outcome = outcome
    // The thread is waited for where it goes.
    _ = consume self
    return outcome.isOver
  }

  /// Waits on the caller's thread.
  ///
  /// The kernel promises to whoever changes a map of maps that nobody looks at the old inner map
  /// any more, and so waits (`maybe_wait_bpf_programs`).
  static func wait() throws(XDPError) {
    var inner = unsafe cxdp_create_map(BPF_MAP_TYPE_ARRAY, "martlet_inner", 4, 4, 1, 0, 0)
    guard inner >= 0 else { throw mapError("change the rules", inner) }
    defer { try? FileDescriptor(rawValue: inner).close() }
    let outer = unsafe cxdp_create_map(
      BPF_MAP_TYPE_ARRAY_OF_MAPS, "martlet_wait", 4, 4, 1, 0, inner)
    guard outer >= 0 else { throw mapError("change the rules", outer) }
    defer { try? FileDescriptor(rawValue: outer).close() }
    var key: UInt32 = 0
    let result = unsafe bpf_map_update_elem(outer, &key, &inner, 0)
    guard result == 0 else { throw mapError("change the rules", result) }
  }
}

/// What became of a wait, for both threads.
private final class Outcome: Sendable {
  private let flag = Atomic(false)

  var isOver: Bool { flag.load(ordering: .acquiring) }

  func note(_ success: Void?) { flag.store(success != nil, ordering: .releasing) }
}

internal import Synchronization
internal import XSK

/// What ended the first of several workers that threw.
///
/// The others are stopped after it was noted: what they throw then may be no more than that.
final class Trouble: Sendable {
  private let error = Mutex<XDPError?>(nil)

  /// What was noted first; nil if nobody threw.
  var first: XDPError? { error.withLock { $0 } }

  /// Notes what ended a worker, unless another one's end was noted before.
  func note(_ error: XDPError) {
    self.error.withLock { first in if first == nil { first = error } }
  }
}

import MartletTestKit
import Synchronization

/// Sends frames from both ends of the wires, on a thread of its own, until it is stopped or the
/// interfaces are gone.
struct Flood {
  private final class Flag: Sendable {
    let isSet = Atomic<Bool>(false)
  }

  private let isOver = Flag()
  private let thread: TestThread<Void>

  init(_ wires: Wires) {
    let frames = numberedFrames(50)
    thread = TestThread { [isOver] in
      while !isOver.isSet.load(ordering: .relaxed) {
        // An end that vanishes or is down refuses frames; that is what some tests are about.
        try? wires.left.send(frames)
        try? wires.right.send(frames)
      }
    }
  }

  /// Ends it and waits until it has.
  func stop() throws {
    isOver.isSet.store(true, ordering: .relaxed)
    try thread.join()
  }
}

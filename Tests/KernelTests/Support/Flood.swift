import Glibc
import MartletTestKit
import Synchronization

/// Sends the same frame into an interface again and again on a thread of its own, until it goes.
final class Flood: Sendable {
  private let isEnded = Ended()
  private let thread: TestThread<Int>

  /// Answers as it runs to whether it ended; apart from the flood, so that the thread does not keep
  /// it alive.
  private final class Ended: Sendable {
    let flag = Atomic<Bool>(false)
  }

  /// Begins to send from an interface of the calling thread's namespace, at most some 4,000
  /// packets a second.
  init(_ interface: String, _ packet: [UInt8] = frame(number: 1, length: 200)) throws {
    let tap = try PacketTap(interface, etherType: 0xFFFF)
    let isEnded = isEnded
    thread = TestThread {
      var count = 0
      while !isEnded.flag.load(ordering: .relaxed) {
        for _ in 0..<8 where (try? tap.send(packet)) != nil { count += 1 }
        usleep(2000)
      }
      return count
    }
  }

  /// Ends it and answers with how many packets it sent.
  @discardableResult
  func finish() throws -> Int {
    isEnded.flag.store(true, ordering: .relaxed)
    return try thread.join()
  }

  deinit { isEnded.flag.store(true, ordering: .relaxed) }
}

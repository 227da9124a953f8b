import Glibc
import Testing
import XSK

struct RelaxTests {
  @Test("A moment in which nothing is looked at takes microseconds")
  func relax() {
    let clock = ContinuousClock()
    let least = (0..<1000).map { _ in clock.measure { Processor.relax() } }.min() ?? .zero
    print("relax: \(least)")
    #expect(least > .nanoseconds(200) && least < .microseconds(20))
  }

  @Test("A doze takes tens of microseconds, and gives the processor away")
  func doze() {
    let clock = ContinuousClock()
    let before = processorTime()
    let times = (0..<200).map { _ in clock.measure { Processor.doze() } }
    let used = processorTime() - before
    print("doze: \(times.sorted()[100]), processor \(used / 200)")
    #expect(times.allSatisfy { $0 >= .microseconds(20) })
    #expect(used < times.reduce(.zero, +) / 2)
  }

  /// What the calling thread has used.
  private func processorTime() -> Duration {
    var time = timespec()
    // The kernel writes one time.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}

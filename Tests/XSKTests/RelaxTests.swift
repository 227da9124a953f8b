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
}

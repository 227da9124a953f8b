import MartletTestKit
import Testing

@Suite struct SeededGeneratorTests {
  @Test("The numbers are SplitMix64's, and a seed repeats them")
  func numbers() {
    var random = SeededGenerator(seed: 1_234_567)
    #expect(
      (0..<3).map { _ in random.next() }
        == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
    var again = SeededGenerator(seed: 1_234_567)
    #expect(again.next() == 6_457_827_717_110_365_317)
  }
}

import Martlet
import MartletTestKit

/// How long it takes to change many rules at once, in the application's own process.
enum RuleChanges {
  /// Rules of a change, and how long it may take.
  static let count: UInt16 = 1000
  static let target = Duration.milliseconds(20)

  /// The times of several changes on an interface, each of all its rules for as many others, so far
  /// apart.
  ///
  /// There is room for eight such sets of rules. What a change leaves is free once no packet looks
  /// at it any more, which the kernel says after some ticks: of changes that follow each other at
  /// once some wait for that.
  static func times(
    on interface: String, apart: Duration, changes: Int = 32
  ) throws -> [Duration] {
    var engine = try Engine()
    _ = try engine.bind(interface, queue: 0)
    for first: UInt16 in [1, 5001] { try engine.apply(replacement(first: first)) }
    return try (1...changes).map { number in
      let change = replacement(first: number.isMultiple(of: 2) ? 5001 : 1)
      rest(apart)
      let start = ContinuousClock.now
      try engine.apply(change)
      return start.duration(to: .now)
    }
  }

  /// All rules go, and there is one for each of so many ports.
  private static func replacement(first port: UInt16) -> RuleChange {
    let rules = (0..<count).map { Rule(.udp(destinationPort: port + $0), .drop) }
    return RuleChange([.removeAll] + rules.map { .add($0) })
  }
}

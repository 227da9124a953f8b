import Martlet
import Testing

/// How slots may lie.
struct Memory: CustomTestStringConvertible, Sendable {
  let isUnaligned: Bool

  var testDescription: String { isUnaligned ? "unaligned" : "aligned" }

  /// The defaults, which are unaligned, or aligned as asked.
  var configuration: Engine.Configuration {
    var configuration = Engine.Configuration()
    if !isUnaligned { configuration.isUnaligned = false }
    return configuration
  }

  static let all = [Memory(isUnaligned: true), Memory(isUnaligned: false)]
}

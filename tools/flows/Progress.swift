import Martlet

/// What a consumer tells the process that started it, in words.
struct Progress {
  var verified: UInt64 = 0
  var corrupt: UInt64 = 0
  var outside: UInt64 = 0
  /// System calls made while packets were read.
  var calls: UInt64 = 0
  var user: UInt64 = 0
  /// Attempts to get the group's pages to write that succeeded, and how many there were.
  var writable: UInt64 = 0
  var writeAttempts: UInt64 = 0
  /// Attempts to get at pages that are not the group's that succeeded, and how many there were.
  var foreign: UInt64 = 0
  var foreignAttempts: UInt64 = 0

  static let wordCount = 9

  init() {}

  init?(_ words: [UInt64]) {
    guard words.count == Self.wordCount else { return nil }
    (verified, corrupt, outside, calls) = (words[0], words[1], words[2], words[3])
    (user, writable, writeAttempts) = (words[4], words[5], words[6])
    (foreign, foreignAttempts) = (words[7], words[8])
  }

  var words: [UInt64] {
    [
      verified, corrupt, outside, calls, user, writable, writeAttempts, foreign, foreignAttempts,
    ]
  }

  /// Takes the findings of another consumer of the group along.
  func added(to other: Progress) -> Progress {
    var sum = Progress(zip(words, other.words).map { $0 + $1 }) ?? self
    sum.user = user
    return sum
  }
}

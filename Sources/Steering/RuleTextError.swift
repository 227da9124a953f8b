/// What is wrong with a text of rules, and where.
public struct RuleTextError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Lines count from 1.
  public let line: Int
  /// Where the word begins; columns count from 1.
  public let column: Int
  /// The word that was not understood; empty at the end of a line.
  public let word: String
  /// What is wrong with it.
  public let reason: String
  /// A word that may have been meant.
  public let suggestion: String?

  /// Such as "line 3, column 9: `prot` is no field; did you mean `proto`?".
  public var description: String {
    "line \(line), column \(column): \(reason)"
      + (suggestion.map { "; did you mean `\($0)`?" } ?? "")
  }

  init(_ word: RuleWord, _ reason: String, among choices: [String] = []) {
    line = word.line
    column = word.column
    self.word = word.text
    self.reason = reason
    suggestion = Self.closest(to: word.text, among: choices)
  }

  /// The choice that takes the fewest changes of letters to come to; nil if it takes many.
  private static func closest(to word: String, among choices: [String]) -> String? {
    // A word of a file that is no text of rules may be as long as the file.
    guard !word.isEmpty, word.utf8.count <= 32 else { return nil }
    let best = choices.map { ($0, distance(Array(word.lowercased().utf8), Array($0.utf8))) }
      .min { $0.1 < $1.1 }
    guard let best, best.1 <= max(1, word.utf8.count / 3) else { return nil }
    return best.0
  }

  /// How many letters to put in, take out, change, or exchange with the next, row by row.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var last = Array(0...b.count)
    for (i, letter) in a.enumerated() {
      var row = [i + 1]
      for (j, other) in b.enumerated() {
        var cost = min(last[j] + (letter == other ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other {
          cost = min(cost, before[j - 1] + 1)
        }
        row.append(cost)
      }
      (before, last) = (last, row)
    }
    return last[b.count]
  }
}

/// A word of a text, and where it stands.
struct RuleWord {
  let text: String
  let line: Int
  let column: Int

  /// The word between back quotes, or its beginning: an error is one line to read.
  var quoted: String {
    let scalars = text.unicodeScalars
    let start = String(String.UnicodeScalarView(scalars.prefix(60)))
    return scalars.count > 60 ? "`\(start)…`" : "`\(text)`"
  }
}

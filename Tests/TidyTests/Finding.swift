import Testing

/// A place where a rule is broken.
struct Finding: Equatable, CustomStringConvertible {
  let path: String
  /// Counts from 1.
  let line: Int
  let message: String

  /// The place in the form that editors jump to: `path:line: message`.
  var description: String { "\(path):\(line): \(message)" }
}

/// Fails the test once for every finding.
func expectNone(
  _ findings: [Finding], sourceLocation: SourceLocation = #_sourceLocation
) {
  for finding in findings {
    Issue.record("\(finding)", sourceLocation: sourceLocation)
  }
}

extension [String] {
  /// The lines with their numbers, counted from 1.
  var numbered: [(number: Int, text: String)] {
    enumerated().map { (number: $0.offset + 1, text: $0.element) }
  }
}

extension String {
  /// The identifiers and keywords of a line of code, in order.
  var words: [Substring] {
    split { !($0.isLetter || $0.isNumber || $0 == "_") }
  }
}

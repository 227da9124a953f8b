import Testing

/// A program that must not compile, because of one mistake.
///
/// The lines that make the mistake end in `// misuse`. Without them the program must compile, so
/// that a renamed type or a broken harness fails the test instead of passing it.
struct Misuse: Sendable, CustomTestStringConvertible {
  /// What is done wrong.
  let name: String
  /// The program.
  let snippet: String
  /// Words of the compiler's error.
  let expected: String

  /// The mistake called `name`, and the error that must contain `expected`.
  init(_ name: String, expected: String, _ snippet: String) {
    self.name = name
    self.snippet = snippet
    self.expected = expected
  }

  /// The program without its mistake.
  var corrected: String {
    snippet.split(separator: "\n").filter { !$0.hasSuffix("// misuse") }.joined(separator: "\n")
  }

  /// The name alone, for the test's output.
  var testDescription: String { name }
}

/// What a row found, however it is written down.
protocol Findings {
  /// As JSON: an object, or an array of them.
  func json(isQuick: Bool) -> String
  /// As a table.
  func table(isQuick: Bool) -> String
  /// The targets that were missed, by key; those that the machine's load may have made it miss only
  /// on request.
  func missed(times: Bool) -> [String]
}

extension Report: Findings {}

import Martlet

/// Rules out of a file, standard input ("-") or the command line.
enum RuleFile {
  /// The rules that a command begins with, file by file.
  static func rules(of paths: [String]) throws(Complaint) -> [Rule] {
    var rules: [Rule] = []
    for path in paths {
      let change = try change(try text(of: path), from: path)
      guard change.confirmWithin == nil else {
        throw Complaint(
          "\(path): `confirm within` has no rules to go back to; change them while it runs")
      }
      rules += change.added
      guard rules.count <= mostRules else {
        throw Complaint(
          "\(path): there would be \(rules.count) rules, more than \(mostRules); join some of them"
            + " by prefixes or ranges of ports")
      }
    }
    return rules
  }

  /// Rules that may be given at a time; the command has one of its own besides.
  static let mostRules = 4096

  /// A little less than a running process takes (`TextChannel`), in bytes.
  private static let longest = 4_000_000

  /// What stands in a file.
  static func text(of path: String) throws(Complaint) -> String {
    do throws(XDPError) {
      return try TextFile.contents(of: path, longest: longest)
    } catch {
      throw Complaint("\(error)")
    }
  }

  /// The rules of a text; what is wrong is said with the place, which is in `file` or in a line.
  @discardableResult
  static func change(_ text: String, from file: String?) throws(Complaint) -> RuleChange {
    do throws(RuleTextError) {
      return try RuleText.parseChange(text)
    } catch {
      let place =
        file.map { "\($0 == "-" ? "standard input" : $0):\(error.line): " }
        ?? (text.contains(where: \.isNewline) ? "the rules: line \(error.line), " : "the rule: ")
      let hint = error.suggestion.map { "; did you mean `\($0)`?" } ?? ""
      throw Complaint("\(place)column \(error.column): \(error.reason)\(hint)")
    }
  }
}

extension RuleChange {
  /// The rules that it adds.
  var added: [Rule] {
    steps.compactMap { step in
      if case .add(let rule) = step { rule } else { nil }
    }
  }
}

/// Something that could not be done, in one line.
struct Complaint: Error {
  let text: String

  init(_ text: String) { self.text = text }
}

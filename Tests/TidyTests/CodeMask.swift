/// Blanks what is not code, so that a brace or a word in a comment or a string misleads no rule.
///
/// Comments and the contents of string literals become spaces; every byte keeps its line and
/// column. Code inside an interpolation, `\(...)`, stays. Regular expression literals are not
/// known: the project has none.
struct CodeMask {
  private enum Context {
    /// Code, with how many parentheses are open; inside an interpolation the last `)` ends it.
    case code(open: Int)
    /// A string literal, closed by `quotes` quotation marks and `hashes` number signs.
    case text(quotes: Int, hashes: Int)
  }

  /// The bytes that can begin something other than plain code.
  private static let special = Array("/\"#'()".utf8)

  private var bytes: [UInt8]
  private var index = 0
  private var contexts: [Context] = [.code(open: 0)]
  private let isSwift: Bool

  private init(_ bytes: [UInt8], isSwift: Bool) {
    self.bytes = bytes
    self.isSwift = isSwift
  }

  /// Swift source with comments and strings blanked.
  static func swift(_ bytes: [UInt8]) -> [UInt8] {
    var mask = CodeMask(bytes, isSwift: true)
    return mask.run()
  }

  /// C source with comments, strings and character constants blanked.
  static func c(_ bytes: [UInt8]) -> [UInt8] {
    var mask = CodeMask(bytes, isSwift: false)
    return mask.run()
  }

  private mutating func run() -> [UInt8] {
    while index < bytes.count {
      switch contexts[contexts.count - 1] {
      case .code(let open): code(open: open)
      case .text(let quotes, let hashes): text(quotes: quotes, hashes: hashes)
      }
    }
    return bytes
  }

  private mutating func code(open: Int) {
    if !CodeMask.special.contains(bytes[index]) {
      index += 1
    } else if sees("//") {
      while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { blank(1) }
    } else if sees("/*") {
      blockComment()
    } else if let literal = literalStart() {
      index += literal.quotes + literal.hashes
      contexts.append(.text(quotes: literal.quotes, hashes: literal.hashes))
    } else if !isSwift, sees("'") {
      character()
    } else if sees("("), contexts.count > 1 {
      contexts[contexts.count - 1] = .code(open: open + 1)
      index += 1
    } else if sees(")"), contexts.count > 1 {
      if open > 0 {
        contexts[contexts.count - 1] = .code(open: open - 1)
        index += 1
      } else {
        contexts.removeLast()
        blank(1)
      }
    } else {
      index += 1
    }
  }

  private mutating func text(quotes: Int, hashes: Int) {
    let close = String(repeating: "\"", count: quotes) + String(repeating: "#", count: hashes)
    let escape = "\\" + String(repeating: "#", count: hashes)
    if sees(close) {
      index += close.utf8.count
      contexts.removeLast()
    } else if isSwift, sees(escape + "(") {
      blank(escape.utf8.count + 1)
      contexts.append(.code(open: 0))
    } else if sees(escape) {
      blank(escape.utf8.count + 1)
    } else if bytes[index] == UInt8(ascii: "\n"), quotes == 1 {
      contexts.removeLast()  // Not closed on its line: not a literal after all.
    } else {
      blank(1)
    }
  }

  /// Comments nest in Swift and do not in C.
  private mutating func blockComment() {
    var depth = 0
    repeat {
      if sees("/*"), isSwift || depth == 0 {
        depth += 1
        blank(2)
      } else if sees("*/") {
        depth -= 1
        blank(2)
      } else {
        blank(1)
      }
    } while depth > 0 && index < bytes.count
  }

  /// A C character constant; an apostrophe without a partner on its line is left alone.
  private mutating func character() {
    index += 1
    let start = index
    while index < bytes.count, bytes[index] != UInt8(ascii: "\n") {
      if sees("'") {
        let end = index
        index = start
        blank(end - start)
        index += 1
        return
      }
      index += sees("\\") ? 2 : 1
    }
  }

  /// How many quotation marks and number signs open the literal that starts here, if one does.
  private func literalStart() -> (quotes: Int, hashes: Int)? {
    var hashes = 0
    while isSwift, index + hashes < bytes.count, bytes[index + hashes] == UInt8(ascii: "#") {
      hashes += 1
    }
    if isSwift, sees("\"\"\"", after: hashes) { return (3, hashes) }
    return sees("\"", after: hashes) ? (1, hashes) : nil
  }

  private func sees(_ text: String, after offset: Int = 0) -> Bool {
    bytes[min(index + offset, bytes.count)...].starts(with: text.utf8)
  }

  /// Overwrites `count` bytes with spaces, newlines excepted, and goes on behind them.
  private mutating func blank(_ count: Int) {
    for _ in 0..<count where index < bytes.count {
      if bytes[index] != UInt8(ascii: "\n") { bytes[index] = UInt8(ascii: " ") }
      index += 1
    }
  }
}

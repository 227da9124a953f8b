/// Finds the functions of a masked source file and the lines they cover.
///
/// Swift: `func`, `init`, `deinit`, `subscript`, and computed properties whose brace stands on the
/// line of their `var`; from the keyword's line to the closing brace. C: a brace at the outermost
/// level behind a `)`. A declaration without a body, as in a protocol, is not a function.
struct FunctionScanner {
  /// A function and the lines it covers, counted from 1.
  struct Function: Equatable {
    let name: String
    let firstLine: Int
    let lastLine: Int

    var lineCount: Int { lastLine - firstLine + 1 }
  }

  /// A declaration whose body may follow, and how many parentheses were open where it stood.
  private struct Declaration {
    var name: String
    let line: Int
    let parentheses: Int
    let isProperty: Bool
  }

  private var functions: [Function] = []
  private var declaration: Declaration?
  /// One entry per open brace: the function it is the body of, if it is one.
  private var braces: [Declaration?] = []
  private var parentheses = 0
  private var line = 1
  private var previous: Substring = ""

  /// The functions of `file`, in the order in which they end.
  static func functions(of file: File) -> [Function] {
    var scanner = FunctionScanner()
    for text in file.codeLines {
      for token in tokens(of: text) {
        if file.language == .c { scanner.readC(token) } else { scanner.readSwift(token) }
        scanner.previous = token
      }
      scanner.line += 1
      scanner.endOfLine()
    }
    return scanner.functions
  }

  /// Words and single characters; spaces are dropped.
  private static func tokens(of line: String) -> [Substring] {
    var tokens: [Substring] = []
    var rest = line[...]
    while let first = rest.first {
      let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
      let token = word.isEmpty ? rest.prefix(1) : word
      if !first.isWhitespace { tokens.append(token) }
      rest = rest.dropFirst(token.count)
    }
    return tokens
  }

  private mutating func readSwift(_ token: Substring) {
    if declaration?.name == "func" { declaration?.name = String(token) }
    switch token {
    case "func" where previous != ".", "deinit", "subscript",
      "init" where previous != "." && previous != "`":
      declare(token, isProperty: false)
    case "var":
      declare(token, isProperty: true)
    case "let", "struct", "class", "enum", "extension", "protocol", "case", "typealias":
      if declaration?.parentheses == parentheses { declaration = nil }
    case "=" where declaration?.isProperty == true:
      declaration = nil
    default:
      readBracket(token)
    }
  }

  private mutating func readC(_ token: Substring) {
    if token == "{", braces.isEmpty, previous == ")" { declare("function", isProperty: false) }
    readBracket(token)
  }

  private mutating func declare(_ name: Substring, isProperty: Bool) {
    declaration = Declaration(
      name: String(name), line: line, parentheses: parentheses, isProperty: isProperty)
  }

  private mutating func readBracket(_ token: Substring) {
    switch token {
    case "(", "[": parentheses += 1
    case ")", "]": parentheses -= 1
    case "{":
      let isBody = declaration?.parentheses == parentheses
      braces.append(isBody ? declaration : nil)
      if isBody { declaration = nil }
    case "}":
      if let body = braces.popLast() ?? nil {
        functions.append(Function(name: body.name, firstLine: body.line, lastLine: line))
      }
      if declaration?.parentheses == parentheses { declaration = nil }
    default: break
    }
  }

  private mutating func endOfLine() {
    if declaration?.isProperty == true { declaration = nil }
  }
}

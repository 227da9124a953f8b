import Wire

/// Reads one line, word by word.
struct RuleParser {
  private let words: [RuleWord]
  private let end: RuleWord
  private var at = 0
  /// Whether the match's IP version came with `icmp` or `icmp6`, and not by itself.
  var isVersionImplied = false

  init(_ text: Substring, line: Int) {
    var words: [RuleWord] = []
    var column = 1
    var word = ""
    var began = 1
    for character in text.prefix(while: { $0 != "#" }) {
      if character.isWhitespace {
        if !word.isEmpty { words.append(RuleWord(text: word, line: line, column: began)) }
        word = ""
      } else {
        if word.isEmpty { began = column }
        word.append(character)
      }
      column += 1
    }
    if !word.isEmpty { words.append(RuleWord(text: word, line: line, column: began)) }
    self.words = words
    end = RuleWord(text: "", line: line, column: column)
  }

  var hasMore: Bool { at < words.count }
  /// The next word, which stays the next one; without text at the end of the line.
  var next: RuleWord { hasMore ? words[at] : end }

  /// Takes the next word.
  mutating func take() -> RuleWord {
    let word = next
    at += 1
    return word
  }

  /// Takes the next word if it is this one.
  mutating func take(_ text: String) -> Bool {
    guard next.text == text else { return false }
    at += 1
    return true
  }

  /// Takes the next word, which must be one of these.
  mutating func take(oneOf choices: [String]) throws(RuleTextError) -> String {
    let word = take()
    if choices.contains(word.text) { return word.text }
    let said = choices.map { "`\($0)`" }.joined(separator: " or ")
    let reason =
      word.text.isEmpty ? "\(said) is missing" : "\(word.quoted) stands where \(said) should"
    throw RuleTextError(word, reason, among: choices)
  }

  /// Takes the next word as something that it must be able to be.
  mutating func take<Value>(
    _ what: String, _ read: (String) -> Value?
  ) throws(RuleTextError) -> Value {
    let word = take()
    if word.text.isEmpty { throw RuleTextError(word, "\(what) is missing") }
    guard let value = read(word.text) else {
      throw RuleTextError(word, "\(word.quoted) is no \(what.dropArticle)")
    }
    return value
  }

  /// `confirm within 10s`.
  mutating func confirmation() throws(RuleTextError) -> Duration {
    _ = take()
    _ = try take(oneOf: ["within"])
    let limit = try take("a time such as 10s") { Self.duration($0) }
    try expectEnd()
    return limit
  }

  /// `[priority N] CONDITION and ... -> ACTION`.
  mutating func rule() throws(RuleTextError) -> Rule {
    var rule = Rule(.everything, .kernel)
    // The least there is goes to what takes the rest.
    if take("priority") {
      rule.priority = try take("a number above \(Int.min)") {
        Int($0).flatMap { $0 > .min ? $0 : nil }
      }
    }
    if !take("*") && !take("any") {
      repeat { try condition(&rule.match) } while try hasAnother()
    }
    _ = try take(oneOf: ["->"])
    rule.action = try action()
    try expectEnd()
    return rule
  }

  /// Whether a further condition follows; a qualifier such as `udp` needs no `and` behind it.
  private mutating func hasAnother() throws(RuleTextError) -> Bool {
    if take("and") || take("&&") { return true }
    if next.text == "->" || !hasMore { return false }
    if RuleParser.fields.contains(next.text) || next.text == "not" { return true }
    let choices = ["and", "->"] + RuleParser.fields
    throw RuleTextError(next, "\(next.quoted) stands where `and` or `->` should", among: choices)
  }

  private mutating func action() throws(RuleTextError) -> Action {
    let word = take()
    switch word.text {
    case "kernel": return .kernel
    case "socket": return .socket
    case "drop": return .drop
    case "count": return .count
    case "back": return .back
    case "group": return .group(try take("a group's name", Self.name))
    case "sockets": return try sockets()
    case "forward": return .forward(try forwarding())
    default:
      let reason = word.text.isEmpty ? "an action is missing" : "\(word.quoted) is no action"
      throw RuleTextError(word, reason, among: Self.actions)
    }
  }

  private mutating func sockets() throws(RuleTextError) -> Action {
    let names = try take("a list of names") { text -> [String]? in
      let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      return names.allSatisfy { Self.name($0) != nil } ? names : nil
    }
    _ = try take(oneOf: ["by"])
    let isSymmetric = take("symmetric")
    _ = try take(oneOf: isSymmetric ? ["hash"] : ["hash", "symmetric"])
    return .sockets(names, by: isSymmetric ? .symmetric : .directed)
  }

  private mutating func forwarding() throws(RuleTextError) -> Forwarding {
    var forwarding = Forwarding(to: InterfaceName(try take("an interface", Self.name)))
    if take("mac") {
      let source = try take("a MAC address") { MACAddress($0) }
      let destination = try take("a MAC address") { MACAddress($0) }
      forwarding.rewrite = .init(source: source, destination: destination)
    }
    forwarding.decrementsTTL = take("ttl")
    return forwarding
  }

  private func expectEnd() throws(RuleTextError) {
    if hasMore { throw RuleTextError(next, "\(next.quoted) is too much") }
  }

  private static let actions = [
    "kernel", "socket", "drop", "count", "back", "group", "sockets", "forward",
  ]

  /// A word that can be a name: neither a comma nor an arrow nor empty.
  static func name(_ text: String) -> String? {
    text.isEmpty || text.contains(",") || text == "->" ? nil : text
  }

  /// A number with `ms`, `s` or `min` behind it; not 0, in which time nobody can confirm.
  static func duration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isNumber }
    guard let number = UInt32(digits), number > 0 else { return nil }
    switch text.dropFirst(digits.count) {
    case "ms": return .milliseconds(Int64(number))
    case "s": return .seconds(Int64(number))
    case "min": return .seconds(60 * Int64(number))
    default: return nil
    }
  }
}

extension String {
  /// Without "a" or "an" before it.
  fileprivate var dropArticle: String {
    for article in ["a ", "an "] where hasPrefix(article) {
      return String(dropFirst(article.count))
    }
    return self
  }
}

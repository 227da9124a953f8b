import Martlet

/// What `martlet rules` asks of a running process, as text: a line of words, then more lines.
enum RuleRequest {
  case list
  case add(rules: String, confirmWithin: Duration?)
  case remove(RuleID, confirmWithin: Duration?)
  case replace(rules: String, confirmWithin: Duration?)
  case confirm
  case rollBack
  case explain(packet: [UInt8], queue: Int?)

  /// What goes over the socket.
  var text: String {
    switch self {
    case .list: "list"
    case .add(let rules, let limit): "add \(Self.milliseconds(limit))\n\(rules)"
    case .remove(let rule, let limit): "remove \(Self.milliseconds(limit)) \(rule)"
    case .replace(let rules, let limit): "replace \(Self.milliseconds(limit))\n\(rules)"
    case .confirm: "confirm"
    case .rollBack: "rollback"
    case .explain(let packet, let queue):
      "explain \(queue.map { "\($0)" } ?? "-") \(hexadecimal(packet))"
    }
  }

  /// The rules that it brings.
  var rules: [Rule] {
    switch self {
    case .add(let text, _), .replace(let text, _): (try? RuleText.parseChange(text))?.added ?? []
    default: []
    }
  }

  /// Reads it; nil if it is none.
  init?(_ text: String) {
    let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ").map(String.init)
    let rest = lines.count > 1 ? String(lines[1]) : ""
    switch (words.first, words.count) {
    case ("list", 1): self = .list
    case ("confirm", 1): self = .confirm
    case ("rollback", 1): self = .rollBack
    case ("add", 2): self = .add(rules: rest, confirmWithin: Self.limit(words[1]))
    case ("replace", 2): self = .replace(rules: rest, confirmWithin: Self.limit(words[1]))
    case ("remove", 3):
      guard let number = UInt32(words[2]) else { return nil }
      self = .remove(RuleID(rawValue: number), confirmWithin: Self.limit(words[1]))
    case ("explain", 3):
      guard let packet = bytes(hexadecimal: words[2]) else { return nil }
      self = .explain(packet: packet, queue: Int(words[1]))
    default: return nil
    }
  }

  private static func milliseconds(_ limit: Duration?) -> String {
    limit.map { "\(max(1, Int64($0 / .milliseconds(1))))" } ?? "-"
  }

  private static func limit(_ word: String) -> Duration? {
    Int64(word).flatMap { (1...1_000_000_000_000).contains($0) ? .milliseconds($0) : nil }
  }
}

/// What the running process answers.
enum RuleAnswer {
  /// It is done, and this is what there is to say.
  case success(String)
  /// It is not, because of this.
  case failure(String)

  /// What goes over the socket.
  var text: String {
    switch self {
    case .success(let text): "+" + text
    case .failure(let text): "-" + text
    }
  }

  /// Reads it; nil if it is none.
  init?(_ text: String) {
    switch text.first {
    case "+": self = .success(String(text.dropFirst()))
    case "-": self = .failure(String(text.dropFirst()))
    default: return nil
    }
  }
}

/// A rule and its counters, as one line over the socket.
struct ListedRule {
  var id: RuleID
  var text: String
  /// Nil for a rule that names every packet and is the only one, which counts nothing.
  var counters: (packets: UInt64, bytes: UInt64)?
  /// How long ago the last packet was seen, in thousandths of a second.
  var lastSeen: Int?

  init(_ id: RuleID, _ rule: Rule, _ counters: RuleCounters?) {
    self.id = id
    text = "\(rule)"
    self.counters = counters.map { ($0.packets, $0.bytes) }
    lastSeen = counters?.lastSeen.map { Int($0 / .milliseconds(1)) }
  }

  init?(line: Substring) {
    let words = line.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
    guard words.count == 5, let number = UInt32(words[0]) else { return nil }
    id = RuleID(rawValue: number)
    if let packets = UInt64(words[1]), let bytes = UInt64(words[2]) { counters = (packets, bytes) }
    lastSeen = Int(words[3])
    text = String(words[4])
  }

  /// What goes over the socket.
  var line: String {
    let counts = counters.map { "\($0.packets) \($0.bytes)" } ?? "- -"
    return "\(id) \(counts) \(lastSeen.map { "\($0)" } ?? "-") \(text)"
  }

  /// The line for people.
  var description: String {
    let counts = counters.map { "\($0.packets) packets, \($0.bytes) bytes" } ?? "not counted"
    let last = lastSeen.map { "last \(JSON.decimal($0)) s ago" } ?? "never seen"
    return "\(id)  \(text)  \(counts)" + (counters == nil ? "" : ", \(last)")
  }

  var json: JSON {
    .object([
      ("id", .counter(UInt64(id.rawValue))), ("rule", .string(text)),
      ("packets", counters.map { .counter($0.packets) } ?? .null),
      ("bytes", counters.map { .counter($0.bytes) } ?? .null),
      ("last_seen_seconds", lastSeen.map { .thousandths($0) } ?? .null),
    ])
  }
}

/// The bytes that pairs of digits say; nil if they are none.
///
/// Colons and white space may stand between them.
func bytes(hexadecimal text: String) -> [UInt8]? {
  let digits = text.filter { $0 != ":" && !$0.isWhitespace }
  guard digits.utf8.count % 2 == 0 else { return nil }
  var bytes: [UInt8] = []
  var high: UInt8?
  for digit in digits {
    guard digit.isASCII, let value = digit.hexDigitValue else { return nil }
    if let first = high {
      bytes.append(first << 4 | UInt8(value))
      high = nil
    } else {
      high = UInt8(value)
    }
  }
  return bytes
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

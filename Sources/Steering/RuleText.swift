import Wire

/// Rules as text, one a line.
///
/// ```
/// # what the video servers get
/// priority 10 udp dst port 4789 and src net 10.0.0.0/8 and vlan 7 -> group video
/// tcp dst port 80-443 and not src net 2001:db8::/32 -> sockets a,b by symmetric hash
/// arp -> kernel
/// * -> drop
/// ```
///
/// `description` of a rule prints it so, and what it prints reads as the same rule.
public enum RuleText {
  /// Reads rules; empty lines and what is behind a `#` do not count.
  ///
  /// Throws a `RuleTextError` that names the word and where it stands.
  public static func parse(_ text: String) throws(RuleTextError) -> [Rule] {
    try parseChange(text).steps.compactMap { step in
      if case .add(let rule) = step { rule } else { nil }
    }
  }

  /// Reads rules to add, and perhaps a line `confirm within 10s`.
  public static func parseChange(_ text: String) throws(RuleTextError) -> RuleChange {
    var change = RuleChange()
    // Some editors begin a file with a mark that nobody sees.
    let text = text.first == "\u{FEFF}" ? text.dropFirst() : text[...]
    // However lines end: "\r\n" is one character.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in lines.enumerated() {
      var parser = RuleParser(line, line: number + 1)
      guard parser.hasMore else { continue }
      if parser.next.text == "confirm" {
        let word = parser.next
        let limit = try parser.confirmation()
        guard change.confirmWithin == nil else {
          throw RuleTextError(word, "`confirm` stands twice")
        }
        change.confirmWithin = limit
      } else {
        change.add(try parser.rule())
      }
    }
    return change
  }
}

extension Rule: LosslessStringConvertible {
  /// Reads one rule; nil if it is none.
  ///
  /// `RuleText.parse` says why.
  public init?(_ text: String) {
    guard let rules = try? RuleText.parse(text), rules.count == 1 else { return nil }
    self = rules[0]
  }

  /// The rule as text.
  public var description: String {
    (priority == 0 ? "" : "priority \(priority) ") + "\(match) -> \(action)"
  }
}

extension Match: CustomStringConvertible {
  /// The conditions as text, `*` if there are none.
  public var description: String {
    var words: [String] = []
    add(interface, &words) { "interface \($0.name)" }
    add(queue, &words) { "queue \($0)" }
    add(vlan, &words) { "vlan" + $0.suffix }
    add(innerVLAN, &words) { "inner vlan" + $0.suffix }
    add(sourceMAC, &words) { "ether src \($0)" }
    add(destinationMAC, &words) { "ether dst \($0)" }
    add(type, &words) { $0 == .arp ? "arp" : "ether proto \(hex($0.rawValue))" }
    add(version, &words) { $0 == 4 ? "ip" : $0 == 6 ? "ip6" : "ip version \($0)" }
    add(source, &words) { "src \($0.isHost ? "host" : "net") \($0)" }
    add(destination, &words) { "dst \($0.isHost ? "host" : "net") \($0)" }
    add(upperProtocol, &words) { RuleNames.protocols[$0.rawValue] ?? "proto \($0.rawValue)" }
    add(sourcePorts, &words) { "src port " + ports($0) }
    add(destinationPorts, &words) { "dst port " + ports($0) }
    add(tcpFlags, &words) { "tcp flags \($0)" }
    add(fragment, &words) { _ in "fragment" }
    return words.isEmpty ? "*" : words.joined(separator: " and ")
  }

  private func add<Value>(
    _ condition: Condition<Value>?, _ words: inout [String], _ text: (Value) -> String
  ) {
    guard let condition else { return }
    words.append((condition.isNegated ? "not " : "") + text(condition.value))
  }

  private func ports(_ range: ClosedRange<UInt16>) -> String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }

  private func hex(_ number: UInt16) -> String { "0x" + String(number, radix: 16) }
}

extension Action: CustomStringConvertible {
  /// The action as text.
  public var description: String {
    switch self {
    case .kernel: return "kernel"
    case .socket: return "socket"
    case .drop: return "drop"
    case .count: return "count"
    case .back: return "back"
    case .group(let name): return "group \(name)"
    case .sockets(let names, let kind):
      let hash = kind == .symmetric ? "symmetric hash" : "hash"
      return "sockets \(names.joined(separator: ",")) by \(hash)"
    case .forward(let forwarding):
      let macs = forwarding.rewrite.map { " mac \($0.source) \($0.destination)" } ?? ""
      return "forward \(forwarding.interface.name)\(macs)\(forwarding.decrementsTTL ? " ttl" : "")"
    }
  }
}

extension TCPFlagMatch: CustomStringConvertible {
  /// Such as "syn,!ack", or "any".
  public var description: String {
    let names = RuleNames.flags.flatMap { name, flag in
      (set.contains(flag) ? [name] : []) + (clear.contains(flag) ? ["!" + name] : [])
    }
    return names.isEmpty ? "any" : names.joined(separator: ",")
  }
}

extension VLANTag {
  /// What stands behind `vlan`.
  fileprivate var suffix: String {
    switch self {
    case .any: ""
    case .identifier(let number): " \(number)"
    }
  }
}

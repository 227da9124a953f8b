import Wire

extension RuleParser {
  /// Words that a condition begins with.
  static let fields = [
    "interface", "on", "queue", "vlan", "inner", "ether", "ip", "ip6", "arp", "src", "dst", "proto",
    "tcp", "udp", "icmp", "icmp6", "sctp", "fragment",
  ]

  /// `[not] FIELD VALUE`, added to the match.
  mutating func condition(_ match: inout Match) throws(RuleTextError) {
    let isNegated = take("not") || take("!")
    let word = take()
    switch word.text {
    case "interface", "on":
      let name = InterfaceName(try take("an interface", Self.name))
      try set(&match.interface, name, isNegated, word)
    case "queue":
      try set(&match.queue, try take("a number") { UInt16($0).map(Int.init) }, isNegated, word)
    case "vlan": try set(&match.vlan, try tag(), isNegated, word)
    case "inner":
      _ = try take(oneOf: ["vlan"])
      try set(&match.innerVLAN, try tag(), isNegated, word)
    case "ether": try ether(&match, isNegated, word)
    case "ip", "ip6":
      if isVersionImplied { match.version = nil }
      isVersionImplied = false
      try set(&match.version, word.text == "ip" ? 4 : 6, isNegated, word)
    case "arp": try set(&match.type, .arp, isNegated, word)
    case "src": try end(&match.source, &match.sourcePorts, isNegated, word)
    case "dst": try end(&match.destination, &match.destinationPorts, isNegated, word)
    case "tcp" where next.text == "flags":
      _ = take()
      try set(&match.tcpFlags, try flags(), isNegated, word)
    case "icmp", "icmp6": try control(&match, word, isNegated)
    case "tcp", "udp", "sctp", "proto":
      try set(&match.upperProtocol, try ipProtocol(word), isNegated, word)
    case "fragment": try set(&match.fragment, .any, isNegated, word)
    case "priority": throw RuleTextError(word, "`priority` stands first, and once")
    case "any", "*": throw RuleTextError(word, "\(word.quoted) stands alone")
    default:
      let reason =
        word.text.isEmpty || word.text == "->" ? "a field is missing" : "\(word.quoted) is no field"
      throw RuleTextError(
        word, reason, among: Self.fields + (isNegated ? [] : ["not", "any", "priority"]))
    }
  }

  /// Notes a condition, of which a field has one.
  private func set<Value>(
    _ place: inout Condition<Value>?, _ value: Value, _ isNegated: Bool, _ word: RuleWord
  ) throws(RuleTextError) {
    guard place == nil else {
      throw RuleTextError(word, "\(word.quoted) asks about a field twice")
    }
    place = Condition(value, isNegated: isNegated)
  }

  private mutating func tag() throws(RuleTextError) -> VLANTag {
    guard next.text.first?.isNumber == true else { return .any }
    let number = try take("a VLAN from 0 to 4095") { UInt16($0).flatMap { $0 < 4096 ? $0 : nil } }
    return .identifier(number)
  }

  private mutating func ether(
    _ match: inout Match, _ isNegated: Bool, _ word: RuleWord
  ) throws(RuleTextError) {
    switch try take(oneOf: ["src", "dst", "proto"]) {
    case "src": try set(&match.sourceMAC, try mac(), isNegated, word)
    case "dst": try set(&match.destinationMAC, try mac(), isNegated, word)
    default:
      let number = try take("an EtherType") { text in
        RuleNames.etherProtocols[text] ?? Self.number(text, as: UInt16.self)
      }
      try set(&match.type, EtherType(rawValue: number), isNegated, word)
    }
  }

  private mutating func mac() throws(RuleTextError) -> MACAddress {
    try take("a MAC address") { MACAddress($0) }
  }

  /// `net PREFIX`, `host ADDRESS` or `port N` behind `src` or `dst`.
  private mutating func end(
    _ address: inout Condition<AddressPrefix>?, _ ports: inout Condition<ClosedRange<UInt16>>?,
    _ isNegated: Bool, _ word: RuleWord
  ) throws(RuleTextError) {
    switch try take(oneOf: ["net", "host", "port"]) {
    case "net":
      try set(
        &address, try take("a prefix such as 10.0.0.0/8") { AddressPrefix($0) }, isNegated, word)
    case "host":
      let host = try take("an address") { AddressPrefix($0).flatMap { $0.isHost ? $0 : nil } }
      try set(&address, host, isNegated, word)
    default:
      try set(&ports, try take("a port or a range such as 80-443", Self.ports), isNegated, word)
    }
  }

  /// `icmp` and `icmp6` are a protocol over one IP version.
  private mutating func control(
    _ match: inout Match, _ word: RuleWord, _ isNegated: Bool
  ) throws(RuleTextError) {
    guard !isNegated else {
      let reason =
        "`not \(word.text)` asks about protocol and version; write `not proto \(word.text)`"
      throw RuleTextError(word, reason)
    }
    let isSix = word.text == "icmp6"
    try set(&match.upperProtocol, isSix ? .icmpv6 : .icmp, false, word)
    if match.version == nil {
      match.version = .is(isSix ? 6 : 4)
      isVersionImplied = true
    }
  }

  private mutating func ipProtocol(_ word: RuleWord) throws(RuleTextError) -> IPProtocol {
    if let number = RuleNames.ipProtocols[word.text] { return IPProtocol(rawValue: number) }
    let number = try take("a protocol") { text in
      RuleNames.ipProtocols[text] ?? Self.number(text, as: UInt8.self)
    }
    return IPProtocol(rawValue: number)
  }

  private mutating func flags() throws(RuleTextError) -> TCPFlagMatch {
    try take("a list of TCP flags such as syn,!ack") { text in
      var match = TCPFlagMatch(set: [])
      if text == "any" { return match }
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        let name = part.hasPrefix("!") ? part.dropFirst() : part
        guard let flag = RuleNames.flags.first(where: { $0.0 == name }) else { return nil }
        if part.hasPrefix("!") { match.clear.insert(flag.1) } else { match.set.insert(flag.1) }
      }
      return match
    }
  }

  private static func ports(_ text: String) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(ends.count), let low = UInt16(ends[0]),
      let high = UInt16(ends[ends.count - 1]),
      low <= high
    else { return nil }
    return low...high
  }

  /// Decimal, or hexadecimal behind 0x.
  private static func number<Number: FixedWidthInteger>(_ text: String, as type: Number.Type)
    -> Number?
  {
    text.hasPrefix("0x") ? Number(text.dropFirst(2), radix: 16) : Number(text)
  }
}

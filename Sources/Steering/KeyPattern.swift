import Wire

/// A match as the program compares it: bits that a packet's key must have, and clauses for the
/// rest.
struct KeyPattern {
  var value = KeyWords()
  var mask = KeyWords()
  var clauses: [KeyClause] = []
  /// Whether the conditions contradict each other, so that no packet meets them.
  var isImpossible = false

  /// No condition yet.
  init() {}

  /// The conditions of a match; `interface` is the number of the one it names.
  init(_ match: Match, interface: UInt32?) {
    if let condition = match.interface, let interface {
      ask(.interface, condition) { $0.require(KeyField.interface, UInt64(interface)) }
    }
    ask(.queue, match.queue) { pattern, queue in
      guard let number = UInt16(exactly: queue) else { return pattern.isImpossible = true }
      pattern.require(KeyField.queue, UInt64(number))
    }
    ask(.vlan, match.vlan) { $0.require($1, KeyField.vlan, known: KeyField.vlanKnown) }
    ask(.innerVLAN, match.innerVLAN) {
      $0.require($1, KeyField.innerVLAN, known: KeyField.innerVLANKnown)
    }
    ask(.sourceMAC, match.sourceMAC) { $0.require(KeyField.sourceMAC, $1) }
    ask(.destinationMAC, match.destinationMAC) { $0.require(KeyField.destinationMAC, $1) }
    ask(.etherType, match.type) {
      $0.require(
        KeyField.etherType, UInt64($1.rawValue.byteSwapped), known: KeyField.etherTypeKnown)
    }
    ask(.version, match.version) { $0.require(KeyField.family, UInt64($1)) }
    ask(.source, match.source) { $0.require($1, KeyField.source, isARP: match.isARP) }
    ask(.destination, match.destination) {
      $0.require($1, KeyField.destination, isARP: match.isARP)
    }
    ask(.ipProtocol, match.upperProtocol) {
      $0.require(KeyField.ipProtocol, UInt64($1.rawValue), known: KeyField.protocolKnown)
    }
    ask(.sourcePort, match.sourcePorts, KeyField.sourcePort)
    ask(.destinationPort, match.destinationPorts, KeyField.destinationPort)
    ask(.tcpFlags, match.tcpFlags) { pattern, flags in
      pattern.isImpossible = pattern.isImpossible || !flags.set.isDisjoint(with: flags.clear)
      pattern.require(
        KeyField.tcpFlags, UInt64(flags.set.rawValue),
        among: UInt64(flags.set.union(flags.clear).rawValue),
        known: KeyField.tcpFlagsKnown)
    }
    if let fragment = match.fragment {
      requireBits(0, fragment.isNegated ? 0 : KeyField.isFragment, among: KeyField.isFragment)
    }
  }

  /// Every bit that decides whether a packet matches.
  var bits: KeyWords { clauses.reduce(mask) { $0 | $1.bits } }

  /// Adds a condition, or the opposite of it as a clause.
  private mutating func ask<Value>(
    _ field: RuleField, _ condition: Condition<Value>?, _ require: (inout KeyPattern, Value) -> Void
  ) {
    guard let condition else { return }
    guard condition.isNegated else { return require(&self, condition.value) }
    var opposite = KeyPattern()
    require(&opposite, condition.value)
    // What no packet meets, every packet does not meet.
    guard !opposite.isImpossible else { return }
    if opposite.mask == KeyWords() { return isImpossible = true }
    clauses.append(KeyClause(field, noneOf: opposite))
  }

  private mutating func ask<Value>(
    _ field: RuleField, _ condition: Condition<Value>, _ require: (inout KeyPattern) -> Void
  ) {
    ask(field, condition) { pattern, _ in require(&pattern) }
  }

  /// Ports: one is a value, several are the bits they have in common and a clause.
  private mutating func ask(
    _ field: RuleField, _ condition: Condition<ClosedRange<UInt16>>?, _ place: KeyField.Place
  ) {
    guard let condition else { return }
    let ports = condition.value
    let kind = field == .sourcePort ? KeyClause.Kind.sourcePort : .destinationPort
    if condition.isNegated {
      return clauses.append(KeyClause(field, kind, ports, isNegated: true))
    }
    let differing = ports.lowerBound ^ ports.upperBound
    let common = UInt16.leading(differing.leadingZeroBitCount)
    require(
      place, UInt64((ports.lowerBound & common).byteSwapped), among: UInt64(common.byteSwapped),
      known: KeyField.portsKnown)
    let isPrefix = ports.lowerBound & ~common == 0 && ports.upperBound | common == .max
    if !isPrefix { clauses.append(KeyClause(field, kind, ports, isNegated: false)) }
  }
}

extension KeyPattern {
  /// A whole field.
  mutating func require(_ place: KeyField.Place, _ field: UInt64, known: UInt64 = 0) {
    require(place, field, among: ~0 >> UInt64(64 - place.width), known: known)
  }

  /// Some bits of a field, which must be in the packet.
  mutating func require(
    _ place: KeyField.Place, _ field: UInt64, among bits: UInt64, known: UInt64 = 0
  ) {
    requireBits(place.word, field << UInt64(place.shift), among: bits << UInt64(place.shift))
    if known != 0 { requireBits(0, known, among: known) }
  }

  mutating func require(_ place: KeyField.Place, _ address: MACAddress) {
    require(place, address.rawValue.byteSwapped >> 16, known: KeyField.macsKnown)
  }

  mutating func require(_ tag: VLANTag, _ place: KeyField.Place, known: UInt64) {
    requireBits(0, known, among: known)
    guard case .identifier(let identifier) = tag else { return }
    if identifier > 0xFFF { isImpossible = true }
    require(
      place, UInt64(identifier.byteSwapped), among: UInt64(UInt16(0xFFF).byteSwapped), known: known)
  }

  /// An address in two words from `word` on, and what it is an address of.
  mutating func require(_ prefix: AddressPrefix, _ word: Int, isARP: Bool) {
    switch prefix {
    case .v4(let address, let length):
      require(KeyField.family, isARP ? KeyField.arp : 4)
      let bits = UInt32.leading(length)
      requireBits(
        word, UInt64((address.rawValue & bits).byteSwapped), among: UInt64(bits.byteSwapped))
    case .v6(let address, let length):
      require(KeyField.family, 6)
      let high = UInt64.leading(min(64, length))
      let low = UInt64.leading(max(0, length - 64))
      requireBits(word, (address.high & high).byteSwapped, among: high.byteSwapped)
      requireBits(word + 1, (address.low & low).byteSwapped, among: low.byteSwapped)
    }
  }

  /// Bits of one word; two conditions may not want different things of one bit.
  mutating func requireBits(_ word: Int, _ bits: UInt64, among mask: UInt64) {
    if (value[word] ^ bits) & self.mask[word] & mask != 0 { isImpossible = true }
    value[word] |= bits
    self.mask[word] |= mask
  }
}

/// `struct clause` of bpf/rules.h: a condition that does not fit into a pattern's mask.
struct KeyClause {
  enum Kind: UInt8 {
    case equality = 0
    case sourcePort = 1
    case destinationPort = 2
  }

  /// What it is about.
  let field: RuleField
  let kind: Kind
  let isNegated: Bool
  let ports: ClosedRange<UInt16>
  /// Bits of the first word and of one pair of words.
  let pattern: KeyPattern

  init(
    _ field: RuleField, _ kind: Kind, _ ports: ClosedRange<UInt16>, isNegated: Bool
  ) {
    (self.field, self.kind, self.ports, self.isNegated) = (field, kind, ports, isNegated)
    pattern = KeyPattern()
  }

  /// The opposite of a condition on one field.
  init(_ field: RuleField, noneOf pattern: KeyPattern) {
    (self.field, kind, ports, isNegated) = (field, .equality, 0...0, true)
    self.pattern = pattern
  }

  /// Words 2n and 2n + 1 are the pair n.
  var pair: Int { (1..<4).first { pattern.mask[2 * $0] | pattern.mask[2 * $0 + 1] != 0 } ?? 0 }

  /// Every bit that it looks at.
  var bits: KeyWords {
    if kind == .equality { return pattern.mask }
    var ports = KeyPattern()
    let place = kind == .sourcePort ? KeyField.sourcePort : KeyField.destinationPort
    ports.require(place, 0, known: KeyField.portsKnown)
    return ports.mask
  }
}

/// What two processes tell each other when they meet, in words: `PeerSocket` carries it with the
/// files of the arena and of the channel, in this order.
struct Shipment: Equatable {
  enum Role: UInt64, CaseIterable { case consumer = 1, tenant = 2 }

  static let magic: UInt64 = 0x4D61_7274_6C65_7431
  static let wordCount = 6

  var role: Role
  var ringSize: UInt32
  var chunkSize: Int
  var verdicts: Set<FlowVerdict>
  var packetLimit: Int

  var words: [UInt64] {
    let mask = verdicts.reduce(0) { $0 | UInt64(1) << UInt64($1.rawValue) }
    return [
      Self.magic, role.rawValue, UInt64(ringSize), UInt64(chunkSize), mask, UInt64(packetLimit),
    ]
  }

  init(
    role: Role, ringSize: UInt32, chunkSize: Int, verdicts: Set<FlowVerdict>, packetLimit: Int
  ) {
    self.role = role
    self.ringSize = ringSize
    self.chunkSize = chunkSize
    self.verdicts = verdicts
    self.packetLimit = packetLimit
  }

  /// Nil if the words are no shipment.
  init?(_ words: [UInt64]) {
    guard words.count == Self.wordCount, words[0] == Self.magic,
      let role = Role(rawValue: words[1]),
      words[2] <= 1 << 16, words[3] == 2048 || words[3] == 4096, words[5] <= words[2]
    else { return nil }
    self.init(
      role: role, ringSize: UInt32(words[2]), chunkSize: Int(words[3]),
      verdicts: Set(FlowVerdict.allCases.filter { words[4] >> UInt64($0.rawValue) & 1 == 1 }),
      packetLimit: Int(words[5]))
  }
}

/// Where a packet lies in an arena, in one word of a channel's entry.
@frozen @usableFromInline struct PacketWord {
  @usableFromInline let bits: UInt64

  /// The offset takes 40 bits, the length 24.
  @inlinable @inline(__always)
  init(offset: UInt64, count: UInt64) { bits = offset | count &<< 40 }

  @inlinable @inline(__always)
  init(bits: UInt64) { self.bits = bits }

  @inlinable var offset: UInt64 {
    @inline(__always) get { bits & 0xFF_FFFF_FFFF }
  }
  @inlinable var count: UInt64 {
    @inline(__always) get { bits &>> 40 }
  }
}

/// What is known of a packet, in the second half of a channel's entry.
///
/// The engine writes it and a consumer reads it; nothing of what comes back is taken for facts.
@frozen @usableFromInline struct FactWords {
  @usableFromInline let entry: ChannelEntry

  /// The first word is the rule and, above it, the flow's hash; the second the time, below two bits
  /// that say what is the driver's, and one that says that there are facts.
  @inlinable @inline(__always)
  init(_ facts: PacketFacts) {
    // Absent ones have all bits set: inverted the highest is the mark.
    let marks = UInt64(~facts.sources &>> 31) &<< 63 | UInt64(facts.sources & 3) &<< 61
    entry = ChannelEntry(
      UInt64(facts.ruleNumber) | UInt64(facts.hash) &<< 32, facts.time & (1 &<< 61 &- 1) | marks)
  }

  @inlinable @inline(__always)
  init(_ entry: ChannelEntry) { self.entry = entry }

  /// The facts, but for the group, which the consumer knows.
  @inlinable var facts: PacketFacts? {
    guard entry.second &>> 63 == 1 else { return nil }
    return PacketFacts(
      rule: UInt32(truncatingIfNeeded: entry.first),
      flowHash: UInt32(truncatingIfNeeded: entry.first &>> 32), group: 0,
      time: entry.second & (1 &<< 61 &- 1),
      sources: UInt32(truncatingIfNeeded: entry.second &>> 61))
  }
}

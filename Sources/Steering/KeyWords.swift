/// A packet's key, or bits of one: `struct packet_key` of bpf/rules.h as eight words in the order
/// of memory on a little-endian machine.
struct KeyWords: Hashable {
  static let count = 8

  private var words: InlineArray<8, UInt64>

  /// All zero.
  init() { words = InlineArray(repeating: 0) }

  subscript(index: Int) -> UInt64 {
    get { words[index] }
    set { words[index] = newValue }
  }

  static func == (left: KeyWords, right: KeyWords) -> Bool {
    for index in 0..<count where left[index] != right[index] { return false }
    return true
  }

  func hash(into hasher: inout Hasher) {
    for index in 0..<Self.count { hasher.combine(words[index]) }
  }

  /// The bits that both have.
  static func & (left: KeyWords, right: KeyWords) -> KeyWords {
    var both = left
    for index in 0..<count { both[index] &= right[index] }
    return both
  }

  /// The bits that either has.
  static func | (left: KeyWords, right: KeyWords) -> KeyWords {
    var either = left
    for index in 0..<count { either[index] |= right[index] }
    return either
  }

  /// How far a mask goes: `enum reach` of bpf/rules.h.
  var reach: UInt32 {
    if words[6] | words[7] != 0 { return 3 }
    if words[3] | words[5] != 0 { return 2 }
    return words[2] | words[4] != 0 ? 1 : 0
  }

  /// The program's hash: `MIX` and `finish` of bpf/search.h.
  var hash: UInt64 {
    var sum: UInt64 = 0
    for index in 0..<Self.count {
      let isAddress = 2..<6 ~= index
      sum &+= (isAddress ? words[index].byteSwapped : words[index]) &* Self.factors[index]
    }
    return Self.finish(sum)
  }

  static func finish(_ hash: UInt64) -> UInt64 { (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9 }

  static let factors: InlineArray<8, UInt64> = [
    0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0xD6E8_FEB8_6659_FD93,
    0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3,
  ]
}

/// Where the fields lie: `enum known` and `struct packet_key` of bpf/rules.h.
enum KeyField {
  static let etherTypeKnown: UInt64 = 1
  static let vlanKnown: UInt64 = 2
  static let innerVLANKnown: UInt64 = 4
  static let protocolKnown: UInt64 = 8
  static let portsKnown: UInt64 = 16
  static let isFragment: UInt64 = 32
  static let macsKnown: UInt64 = 64
  static let tcpFlagsKnown: UInt64 = 128

  /// A field's word, its lowest bit there and how many bits it has.
  struct Place {
    let word, shift, width: Int

    var mask: UInt64 { (~0 >> UInt64(64 - width)) << UInt64(shift) }
  }

  static let family = Place(word: 0, shift: 8, width: 8)
  static let ipProtocol = Place(word: 0, shift: 16, width: 8)
  static let tcpFlags = Place(word: 0, shift: 24, width: 8)
  static let etherType = Place(word: 0, shift: 32, width: 16)
  static let vlan = Place(word: 0, shift: 48, width: 16)
  static let sourcePort = Place(word: 1, shift: 0, width: 16)
  static let destinationPort = Place(word: 1, shift: 16, width: 16)
  static let interface = Place(word: 1, shift: 32, width: 32)
  static let destinationMAC = Place(word: 6, shift: 0, width: 48)
  static let queue = Place(word: 6, shift: 48, width: 16)
  static let sourceMAC = Place(word: 7, shift: 0, width: 48)
  static let innerVLAN = Place(word: 7, shift: 48, width: 16)
  /// Two words each.
  static let source = 2
  static let destination = 4

  /// `enum family`.
  static let arp: UInt64 = 1
}

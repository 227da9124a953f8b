/// Random numbers that a seed repeats (SplitMix64): the same run makes the same packets.
struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  @inline(__always)
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 up to, not including, `limit`.
  @inline(__always)
  mutating func below(_ limit: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(truncatingIfNeeded: limit)).high)
  }
}

/// How long packets are.
enum Mix: Sendable {
  /// 64, 594 and 1,518 bytes in 7:4:1.
  case imix
  /// Every length from 64 to 1,518 alike.
  case uniform
  /// One length.
  case fixed(Int)
  /// Every length from 1 to this alike.
  case upTo(Int)
  /// 19, 37 and 79 units of 32 bytes in equal shares.
  case awkward

  /// The next packet's length.
  @inline(__always)
  func next(_ random: inout Random) -> Int {
    switch self {
    case .imix:
      let draw = random.below(12)
      return draw < 7 ? 64 : draw < 11 ? 594 : 1518
    case .uniform: return 64 + random.below(1455)
    case .fixed(let byteCount): return byteCount
    case .upTo(let limit): return 1 + random.below(limit)
    case .awkward:
      let draw = random.below(3)
      return draw == 0 ? 608 : draw == 1 ? 1184 : 2528
    }
  }

  /// `count` lengths.
  func lengths(_ count: Int, seed: UInt64) -> Cells<UInt16> {
    var random = Random(seed: seed)
    let lengths = Cells<UInt16>(repeating: 0, count: count)
    for place in 0..<count { lengths[place] = UInt16(next(&random)) }
    return lengths
  }
}

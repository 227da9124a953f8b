import Glibc

/// How much a test holds: debug builds audit all memory in `wait`, so every run has a share, and
/// nightly ones all of it.
enum Load {
  // A C string for the length of the call.
  static let isNightly = unsafe getenv("MARTLET_NIGHTLY") != nil
  /// Packets held at a time.
  static let held = isNightly ? 20_000 : 3000
  /// Packets in all.
  static let packets = isNightly ? 96_000 : 9600
  /// Enough for what is held, and for the fill ring, also where slots are aligned.
  static let memory = isNightly ? 32 << 20 : 8 << 20
}

/// Packet `number` of the mix that is called IMIX: 64, 594 and 1,518 bytes in 7 : 4 : 1.
func imix(_ number: Int) -> [UInt8] {
  let lengths = [64, 594, 64, 594, 64, 1518, 64, 594, 64, 594, 64, 64]
  return frame(number: number, length: lengths[number % lengths.count])
}

internal import XSK

/// Which slots of its arena a tenant has, to write packets into and to submit.
///
/// A slot is a chunk of the arena. What the tenant says of one is believed only if it has it.
struct TenantBook: ~Copyable {
  /// By slot: 1 if the tenant has it.
  let states: FixedTable<UInt8>
  let chunkSize: UInt64
  /// Slots that the tenant has.
  var count = 0

  /// A book of an arena of `byteCount` bytes, none of whose slots the tenant has.
  init(byteCount: Int, chunkSize: Int) {
    states = FixedTable(repeating: 0, count: byteCount / chunkSize)
    self.chunkSize = UInt64(chunkSize)
  }

  /// Slots that the tenant does not have: in flight, or not given to it yet.
  var missing: Int { states.count - count }

  /// Notes that the tenant gets the slot at `offset`; false if none begins there or it has it.
  mutating func give(_ offset: UInt64) -> Bool {
    let slot = offset / chunkSize
    guard offset % chunkSize == 0, states.contains(slot), states[Int(slot)] == 0 else {
      return false
    }
    states[Int(slot)] = 1
    count += 1
    return true
  }

  /// Takes the slot that a packet of `count` bytes at `offset` lies in; nil, whatever the numbers
  /// are, unless the tenant has it and all of the packet is in it.
  ///
  /// Says where the slot begins.
  mutating func take(_ offset: UInt64, count bytes: UInt64) -> UInt64? {
    let slot = offset / chunkSize
    guard states.contains(slot), states[Int(slot)] == 1, bytes >= Self.shortest,
      bytes <= chunkSize - offset % chunkSize
    else { return nil }
    states[Int(slot)] = 0
    count -= 1
    return slot * chunkSize
  }

  /// Takes every slot that the tenant has; says where each begins.
  mutating func takeAll(_ body: (UInt64) -> Void) {
    for slot in 0..<states.count where states[slot] == 1 {
      let offset = UInt64(slot) * chunkSize
      if take(offset, count: Self.shortest) != nil { body(offset) }
    }
  }

  /// An Ethernet header: the kernel sends nothing shorter.
  private static let shortest: UInt64 = 14
}

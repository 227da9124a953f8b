// Slots that begin at any granule. The lookups find nothing in other memory.
extension SlotMap {
  /// The packet of `extent` bytes that a received descriptor names in unaligned memory, if its slot
  /// is in custody `custody` and it ends there.
  ///
  /// The descriptor has the slot's start, and the way from there to the packet in its top 16 bits.
  @inlinable @inline(__always)
  public func packet(anywhere address: UInt64, extent: UInt64, in custody: Custody) -> Received? {
    let window = window(at: address) & windowMask
    let offset = address &>> 48
    let room = chunkMask &+ 1
    // Whatever the descriptor says, the packet lies inside this slot. In this order, since the
    // compiler would make one condition of the two that are about the offset.
    guard UInt(bitPattern: window) < UInt(bitPattern: unalignedCount), offset <= room,
      entries.own(window) == SlotTable.both(custody, start: start(of: address)),
      extent <= room &- offset
    else { return nil }
    // Without the byte of its granule: a slot begins at one.
    return Received(place: Place(window: window), address: address & 0xFFFF_FFFF_FFC0 &+ offset)
  }

  /// The slot of unaligned memory that begins in the window of the byte at `address`, and its first
  /// byte, if the byte lies in it and it is in custody `custody`.
  ///
  /// Not found is a slot that begins in the window before: `release(_:from:)` finds every one.
  @inlinable @inline(__always)
  public func slot(anywhere address: UInt64, in custody: Custody) -> Found? {
    let window = window(at: address)
    guard UInt(bitPattern: window) < UInt(bitPattern: unalignedCount) else { return nil }
    // The entry may be a neighbour's. Of another custody's this is more than any byte's number.
    let entry = UInt64(entries[both: window])
    let first = (entry &- UInt64(SlotTable.both(custody, start: 0))) &<< 6
    guard address & chunkMask >= first else { return nil }
    return (Place(window: window), address & baseMask | first)
  }
}

extension SlotMap {
  /// The slots of memory in which they may begin at any granule; finds nothing in other memory.
  ///
  /// A value beside the map rather than a part of it: a loop that finds its aligned slot then loads
  /// none of this.
  @frozen public struct Anywhere: Sendable {
    @usableFromInline let entries: SlotTable
    /// Shifts an address without its top 16 bits, which have been shifted out, to its window.
    @usableFromInline let windowShift: UInt64
    /// The bits of an address that tell the byte of its window.
    @usableFromInline let chunkMask: UInt64

    /// The slots of `map`, if they may begin anywhere.
    init(_ map: SlotMap) {
      entries = map.takesOffsets ? map.entries : map.entries.none
      windowShift = 16 + map.chunkShift
      chunkMask = ~map.baseMask
    }

    /// The packet of `extent` bytes that a received descriptor names, if its slot is in custody
    /// `custody` and it ends there.
    ///
    /// The descriptor has the slot's start, and the way from there to the packet in its top 16
    /// bits.
    @inlinable @inline(__always)
    public func packet(at address: UInt64, extent: UInt64, in custody: Custody) -> Received? {
      let window = Int(truncatingIfNeeded: (address &<< 16) &>> windowShift)
      let start = UInt16(truncatingIfNeeded: address & chunkMask)
      let offset = address &>> 48
      let room = chunkMask &+ 1
      // Whatever the descriptor says, the packet lies inside this slot.
      guard UInt(bitPattern: window) < UInt(bitPattern: entries.count),
        entries[both: window] == SlotTable.both(custody.rawValue, start: start), offset <= room,
        extent <= room &- offset
      else { return nil }
      let base = (address &<< 16) &>> 16
      return Received(place: Place(window: window), address: base &+ offset)
    }

    /// The slot that the byte at `address` lies in, if it is in custody `custody`, and its first
    /// byte.
    @inlinable @inline(__always)
    public func slot(of address: UInt64, in custody: Custody) -> (place: Place, base: UInt64)? {
      let window = Int(truncatingIfNeeded: address &>> (windowShift &- 16))
      guard UInt(bitPattern: window) < UInt(bitPattern: entries.count) else { return nil }
      let byte = UInt32(truncatingIfNeeded: address & chunkMask)
      // Of another custody's entry this is more than any byte's number.
      let start = entries[both: window] &- SlotTable.both(custody.rawValue, start: 0)
      if byte >= start {
        return (Place(window: window), address & ~chunkMask | UInt64(start))
      }
      return slot(before: window, with: byte, in: custody)
    }

    /// The slot that begins in the window before and reaches up to `byte` of `window`.
    @inlinable
    func slot(before window: Int, with byte: UInt32, in custody: Custody) -> (
      place: Place, base: UInt64
    )? {
      guard window > 0 else { return nil }
      let before = window &- 1
      let start = entries[both: before] &- SlotTable.both(custody.rawValue, start: 0)
      guard start <= chunkMask, byte < start else { return nil }
      let first = UInt64(truncatingIfNeeded: before) &* (chunkMask &+ 1)
      return (Place(window: before), first | UInt64(start))
    }
  }
}

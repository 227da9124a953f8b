/// Packed frames that are with the kernel to be sent, and by which holder: slots say it themselves,
/// packed frames have no entry of their own.
///
/// An open-addressing table by first granule, as large as the transmit rings need; a frame that
/// comes back leaves no tombstone.
@frozen @usableFromInline struct Flights {
  /// `granule + 1` above eight bits of holder; 0 is an empty place.
  @usableFromInline var places: Table<UInt64>
  @usableFromInline var mask: Int
  /// Frames in flight.
  @usableFromInline var count = 0
  /// Frames for which there is room.
  var capacity: Int

  init(capacity: Int, memory: TableMemory) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    self.capacity = capacity
    mask = size - 1
    places = memory.table(of: UInt64.self, count: size)
  }

  /// Whether the table is large enough for `capacity` frames.
  func holds(_ capacity: Int) -> Bool { 2 * capacity <= mask + 1 }

  /// The place where the search for a frame begins; neighbours in memory are spread.
  @inlinable @inline(__always)
  func home(of key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 32) & mask
  }

  /// The place of a frame, or of the gap where it belongs.
  @inlinable @inline(__always)
  func place(of key: UInt64) -> Int {
    var place = home(of: key)
    while true {
      let found = places[place]
      if found == 0 || found &>> 8 == key { return place }
      place = (place &+ 1) & mask
    }
  }

  /// Notes that `holder` has the frame; false if it is in flight already or there is no room.
  @inlinable @inline(__always)
  mutating func insert(_ granule: Int, holder: Int) -> Bool {
    let key = UInt64(truncatingIfNeeded: granule) &+ 1
    let place = place(of: key)
    guard places[place] == 0, count &+ count <= mask else { return false }
    places[place] = key &<< 8 | UInt64(truncatingIfNeeded: holder & 0xFF)
    count &+= 1
    return true
  }

  /// Who has the frame that begins at `granule`; nil if it is not in flight.
  @inlinable @inline(__always)
  func holder(of granule: Int) -> Int? {
    let found = places[place(of: UInt64(truncatingIfNeeded: granule) &+ 1)]
    return found == 0 ? nil : Int(truncatingIfNeeded: found & 0xFF)
  }

  /// Forgets the frame if `holder` has it; false if it has not.
  @inlinable
  mutating func remove(_ granule: Int, holder: Int) -> Bool {
    let key = UInt64(truncatingIfNeeded: granule) &+ 1
    var gap = place(of: key)
    guard places[gap] == key &<< 8 | UInt64(truncatingIfNeeded: holder & 0xFF) else { return false }
    count &-= 1
    // Whoever stands behind the gap and would be looked for in front of it moves into it.
    var next = (gap &+ 1) & mask
    while places[next] != 0 {
      let wanted = home(of: places[next] &>> 8)
      if (next &- wanted) & mask >= (next &- gap) & mask {
        places[gap] = places[next]
        gap = next
      }
      next = (next &+ 1) & mask
    }
    places[gap] = 0
    return true
  }

  /// First granules of the frames that `holder` has; of all if it is nil.
  func granules(of holder: Int? = nil) -> [Int] {
    // The table is large and mostly empty.
    guard count > 0 else { return [] }
    return (0...mask).compactMap { place in
      let found = places[place]
      guard found != 0, holder.map({ $0 == Int(found & 0xFF) }) ?? true else { return nil }
      return Int(found >> 8) - 1
    }
  }
}

extension FrameAllocator {
  /// Moves the frame that the byte at `address` lies in from one custody to another.
  ///
  /// This is the check on whatever comes back from the kernel: a completion or a received
  /// descriptor is believed only if that very queue was given that frame. Returns false and changes
  /// nothing otherwise. Neither custody may be `.free`. One comparison and one store.
  @inlinable @inline(__always)
  public mutating func transfer(_ address: UInt64, from: Custody, to: Custody) -> Bool {
    guard let place = place(of: address, in: from) else { return false }
    move(place, from: from, to: to)
    return true
  }

  /// Moves a frame that the application has, received or held, to custody `custody`.
  ///
  /// That may not be `.free`: `release` frees. Returns false and changes nothing if the application
  /// does not have it.
  @inlinable @inline(__always)
  public mutating func transferFromApplication(_ address: UInt64, to custody: Custody) -> Bool {
    guard let number = chunk(at: address),
      Custody(rawValue: custodies[number]).isWithApplication
    else { return false }
    assert(custody != .free, "a frame is freed by release")
    custodies[number] = custody.rawValue
    return true
  }

  /// Calls home every frame that `holder` has for receiving or sending, because its queue is gone.
  ///
  /// Only for a queue that the kernel no longer uses. Returns how many frames came from receiving
  /// and from sending. Time grows with the memory.
  @discardableResult
  public mutating func reclaim(from holder: Int) -> (fill: Int, transmit: Int) {
    var fill = 0
    var transmit = 0
    for number in 0..<custodies.count {
      switch custodies[number] {
      case Custody.fill(holder).rawValue: fill += 1
      case Custody.transmit(holder).rawValue: transmit += 1
      default: continue
      }
      restore(number)
    }
    return (fill, transmit)
  }
}

extension FrameAllocator {
  /// A frame whose custody was checked: what `move` needs to change it without a second look.
  @frozen public struct Place: Sendable {
    @usableFromInline let number: Int
    @inlinable @inline(__always)
    init(number: Int) { self.number = number }
  }

  /// The place of the frame that the byte at `address` lies in, if it is in custody `custody`; else
  /// nil.
  ///
  /// For loops that look at a frame between the check and the transfer; nobody else may touch the
  /// frame in between.
  @inlinable @inline(__always)
  public func place(of address: UInt64, in custody: Custody) -> Place? {
    guard let number = chunk(at: address), custodies[number] == custody.rawValue else { return nil }
    return Place(number: number)
  }

  /// Moves the frame at `place` from the custody it was found in to another; neither may be
  /// `.free`.
  @inlinable @inline(__always)
  public mutating func move(_ place: Place, from: Custody, to: Custody) {
    assert(
      custodies[place.number] == from.rawValue && from != .free && to != .free,
      "the frame changed hands since it was looked at")
    custodies[place.number] = to.rawValue
  }
}

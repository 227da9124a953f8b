extension Engine {
  /// Moves the receive ring to where the port's loop has come.
  @inlinable @inline(__always)
  mutating func closeReceive(_ index: Int) {
    ports[index].socket.rings.receive.close(&lanes[index].receive)
  }

  /// Moves the fill ring to where releases have come; nothing is published.
  @inlinable @inline(__always)
  mutating func closeFill(_ index: Int) {
    ports[index].socket.rings.fill.close(&lanes[index].fill)
  }

  /// Moves the transmit ring to where sends have come; nothing is published.
  @inlinable @inline(__always)
  mutating func closeTransmit(_ index: Int) {
    ports[index].socket.rings.transmit.close(&lanes[index].transmit)
  }

  /// Opens the next run of the window, and says whether there is one.
  @inlinable @inline(__always)
  mutating func openReceive(_ index: Int) -> Bool {
    closeReceive(index)
    guard ports[index].socket.rings.receive.remaining != 0 else { return false }
    lanes[index].receive = ports[index].socket.rings.receive.openRun()
    return true
  }

  /// Opens a run of the fill ring for what is released, and says whether that wants anything.
  @inlinable @inline(__always)
  mutating func openFill(_ index: Int) -> Bool {
    closeFill(index)
    lanes[index].fill = ports[index].socket.rings.fill.openRun(ports[index].fillShortage)
    return !lanes[index].fill.isEmpty
  }

  /// Opens a run of the transmit ring, and says whether that has room.
  @inlinable @inline(__always)
  mutating func openTransmit(_ index: Int) -> Bool {
    closeTransmit(index)
    lanes[index].transmit = ports[index].socket.rings.transmit.openRun(.max)
    return !lanes[index].transmit.isEmpty
  }

  /// The next descriptor of the window, or nil at its end.
  @usableFromInline
  mutating func nextDescriptor(_ index: Int) -> Descriptor? {
    guard !lanes[index].receive.isEmpty || openReceive(index) else { return nil }
    // The next packet's facts are yet to be lifted.
    if readsFacts { lanes[index].receive.keepFirst() }
    return lanes[index].receive.take()
  }
}

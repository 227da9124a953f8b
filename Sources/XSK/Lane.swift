/// What a loop walks of one port: a run of each of the rings that packets pass, and the bytes that
/// have passed.
///
/// One cache line, so that a packet touches little else of its port. A run that is open is ahead
/// of its ring; whoever needs the ring itself closes the run first.
@frozen @usableFromInline package struct Lane: BitwiseCopyable {
  /// Packets of the receive ring's window.
  @usableFromInline package var receive: RingRun<Descriptor>
  /// Room of the transmit ring.
  @usableFromInline package var transmit: RingRun<Descriptor>
  /// Room of the fill ring, as far as that wants frames.
  @usableFromInline package var fill: RingRun<UInt64>
  @usableFromInline package var receivedBytes: UInt64 = 0
  @usableFromInline package var sentBytes: UInt64 = 0

  /// Every run closed.
  package init() {
    receive = .closed
    transmit = .closed
    fill = .closed
  }
}

/// The lanes of all ports that can be; those without a port stay empty.
///
/// Reached without a check: an index counts modulo 256.
@frozen @safe @usableFromInline package struct LaneTable: ~Copyable {
  @usableFromInline let base: UnsafeMutablePointer<Lane>

  /// 256 lanes of 64 bytes each, every run closed.
  package init() {
    unsafe base = .allocate(capacity: 256)
    unsafe base.initialize(repeating: Lane(), count: 256)
  }

  deinit { unsafe base.deallocate() }

  @inlinable package subscript(index: Int) -> Lane {
    // In bounds: the mask keeps the index below 256.
    @inline(__always) get { unsafe base[index & 255] }
    @inline(__always) nonmutating _modify { yield unsafe &base[index & 255] }
  }
}

extension Engine {
  /// What the steering program found out about a received packet: its rule, the hash of its flow,
  /// its group.
  ///
  /// Nil unless the configuration says `readsFacts`; for packets that the driver carried none for;
  /// and once a frame was settled so that what is in front of the packet may be another's. They are
  /// the program's word where the driver carries metadata; where it does not, other bytes in that
  /// place may look like facts, so nothing should depend on them but what is shown. Traps if the
  /// frame belongs to another engine's memory. Cost: a look at the packet's memory.
  public func facts(of frame: borrowing Frame) -> PacketFacts? {
    precondition(frame.memory == memory.identity, "this frame belongs to another engine's memory")
    let size = UInt64(PacketFacts.byteCount)
    // Only of a slot it is known that what lies in front of the packet is the packet's own.
    guard control.configuration.readsFacts, frame.origin != Frame.ownOrigin,
      frame.layout != .packed, frame.address >= allocator.slots.base(of: frame.place) + size
    else { return nil }
    return PacketFacts(memory.span(at: frame.address - size, count: PacketFacts.byteCount))
  }
}

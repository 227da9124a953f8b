/// Whether the facts of a port's packets are read, and if not, why.
public enum FactsReading: String, Sendable, Hashable, CaseIterable {
  /// Nobody asked for them (`readsFacts`).
  case off
  /// Every packet has them.
  case read
  /// The steering program could not write them in front of some packet: its driver keeps no
  /// metadata, or another program's were there.
  case unwritten
  /// The steering program wrote them, and the driver did not carry them to the socket.
  case lost
}

/// Facts are lifted packet by packet: a run of the receive ring is one packet long, so that every
/// packet comes through here. Engines that read none walk whole runs and pay nothing.
///
/// That what stands in front of a packet is the program's, two things say. The program notes in its
/// settings if it gives a socket a packet without facts, before the packet is on the ring; so who
/// sees a burst's packets and no note knows that all of them have facts. And facts bear a seal that
/// only the program knows, in case a driver loses what it promised to keep. Either ends the reading
/// of facts from that port.
extension Engine {
  /// Looks, once the packets of a burst can be seen, whether the program gave some packet no facts.
  mutating func checkFacts(_ index: Int) {
    guard ports[index].facts == .read, let place = ports[index].steeringPlace,
      control.witness?.isBare(place) == true
    else { return }
    ports[index].facts = .unwritten
  }

  /// Shortens the run that was opened to its first packet, and lifts what stands in front of that.
  @usableFromInline @inline(never)
  mutating func lift(_ index: Int) {
    lanes[index].receive.keepFirst()
    lifted = .absent
    packetSeal = 0
    guard ports[index].facts == .read, !lanes[index].receive.isEmpty,
      let packet = packet(of: lanes[index].receive.first, from: index)
    else { return }
    let size = UInt64(PacketFacts.byteCount)
    guard packet.address >= allocator.slots.base(of: packet.place) + size,
      let facts = PacketFacts(
        memory.span(at: packet.address - size, count: PacketFacts.byteCount), seal: factsSeal)
    else {
      ports[index].facts = .lost
      return
    }
    lifted = facts
    packetSeal = factsSeal
  }

  /// Opens the next run of the window, as `openReceive` does; with facts, of one packet.
  @inlinable @inline(__always)
  mutating func openNext(_ index: Int) -> Bool {
    guard openReceive(index) else { return false }
    if readsFacts { lift(index) }
    return true
  }
}

extension Engine {
  /// Where every granule is, and whether the two books agree.
  ///
  /// Time grows with the memory: for once a second, not for every burst.
  public func ledger() -> FrameLedger { ledger(with: []) }

  /// The same for all engines of a shared memory, of which this is one: `others` are the shares of
  /// all others.
  ///
  /// Frames that one engine received and another sends are conserved only over all of them. No
  /// engine may be at work meanwhile.
  public func ledger(with others: [LedgerShare]) -> FrameLedger {
    let table = allocator.ledger(with: others.map(\.allocator))
    var ledger = FrameLedger(
      total: table.total, free: table.free, fill: table.fill, received: table.received,
      held: table.held, transmit: table.transmit)
    let own = ledgerShare()
    var tokens = UInt32(0)
    var packedFrames = 0
    for share in others + [own] {
      // An entry that the kernel shows twice is one frame.
      let arrived = min(share.arrived, ledger.fill)
      ledger.fill -= arrived
      ledger.received += arrived
      let completed = min(share.completed, ledger.transmit)
      ledger.transmit -= completed
      ledger.completion += completed
      tokens &+= share.tokens
      packedFrames += share.allocator.packedFrames
      if share.disagreement != nil { ledger.isConserved = false }
    }
    guard let shared, others.count == shared.workers - 1 else { return ledger }
    let slots =
      allocator.count(in: .received) + allocator.count(in: .held) - own.allocator.packedFrames
    if Int(tokens) != slots + packedFrames { ledger.isConserved = false }
    return ledger
  }

  /// What this engine's rings and its part of the allocator say, for another's `ledger(with:)`.
  ///
  /// Time grows with the memory.
  public func ledgerShare() -> LedgerShare {
    var share = LedgerShare(allocator: allocator.share())
    for index in ports.indices where !ports[index].isRetired {
      share.arrived += pendingReceived(index)
      share.completed += pendingCompleted(index)
    }
    share.tokens = UInt32(truncatingIfNeeded: tokenCount)
    share.disagreement = firstDisagreement()
    return share
  }

  /// What the allocator's table and the rings' positions disagree on; nil if they agree.
  ///
  /// For people who look for a bug. Time grows with the memory and the ports.
  public func firstDisagreement() -> String? {
    if let broken = allocator.audit() { return broken }
    for index in ports.indices {
      let posted = Int(ports[index].posted(with: lanes[index]))
      let filling = allocator.count(in: .fill(index))
      guard filling == posted else {
        return "port \(index): \(filling) frames are in fill, the rings say \(posted)"
      }
      let inFlight = Int(ports[index].inFlight(with: lanes[index]))
      let sending = allocator.count(in: .transmit(index))
      guard sending == inFlight else {
        return "port \(index): \(sending) frames are in transmit, the rings say \(inFlight)"
      }
    }
    // Tokens go from engine to engine: only all of them together have as many as the table says.
    guard shared == nil else { return nil }
    let held = allocator.count(in: .received) + allocator.count(in: .held)
    guard held == tokenCount else {
      return "the application has \(held) frames, the rings say \(tokenCount)"
    }
    return nil
  }

  /// Frames that the application has, as the rings' positions say: what came off receive rings,
  /// less what went onto transmit and fill rings, with the balance of what took no ring.
  ///
  /// With shared memory the sum over all engines, modulo 2^32, is what counts.
  var tokenCount: Int {
    var count = balance
    for index in ports.indices { count &-= ports[index].takenFrames(with: lanes[index]) }
    return Int(count)
  }

  /// In debug builds, traps if a frame is lost or in two places.
  @usableFromInline
  func assertConserved() {
    assert(firstDisagreement() == nil, firstDisagreement() ?? "")
  }

  private func pendingReceived(_ index: Int) -> Int {
    var granules = 0
    let walked = ports[index].socket.rings.receive.position(of: lanes[index].receive)
    let first = walked &- ports[index].socket.rings.receive.position
    for offset in first..<ports[index].socket.rings.receive.pending {
      let descriptor = ports[index].socket.rings.receive.pendingEntry(offset)
      let address = isUnaligned ? descriptor.location : descriptor.address
      guard allocator.custody(of: address) == .fill(index) else { continue }
      granules += allocator.granuleCount(at: address)
    }
    return granules
  }

  private func pendingCompleted(_ index: Int) -> Int {
    var granules = 0
    for offset in 0..<ports[index].socket.rings.completion.pending {
      let address = ports[index].socket.rings.completion.pendingEntry(offset)
      guard allocator.custody(of: address) == .transmit(index) else { continue }
      granules += allocator.granuleCount(at: address)
    }
    return granules
  }
}

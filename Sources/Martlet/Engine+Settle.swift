/// What becomes of a received packet's slot when the application keeps the packet.
///
/// A slot has the length of a chunk, however short its packet.
public enum Settling: Sendable, Hashable {
  /// It is kept as it is, headroom and all.
  case wholeSlot
  /// The packet stays where it is; what it does not fill of its slot, to the granule, is free for
  /// others. No copy.
  case inPlace
  /// Packets of at most `upTo` bytes move into a frame of their length, so that the slot can
  /// receive again; longer ones stay in place.
  case copyBreak(upTo: Int)
  /// The packet moves into a frame of its length, where memory is fullest; one that lies in such a
  /// frame already moves only into a fuller node.
  case pack
}

extension Engine {
  /// Keeps a received frame: from here on it counts as held.
  ///
  /// The packet's bytes stay; its address may change: use the token that is returned. A packet that
  /// was to move and found no room stays in place; one in pages of its own (isolated groups) always
  /// stays as it is. Of a jumbo packet the last fragment's tail is freed. Copies are counted
  /// (`copies`). Settling a held frame again moves it only if the policy says so. Cost: some tens
  /// of nanoseconds, and the copy.
  public mutating func settle(
    _ frame: consuming Frame, _ settling: Settling = .inPlace
  ) -> Frame {
    let facts = frame.lifted
    let remains = frame.spend(in: memory.identity)
    if remains.layout.furtherFragments > 0 {
      settleFragments(remains, trims: settling != .wholeSlot)
      return Frame(remains, facts, memory: memory.identity)
    }
    if let place = remains.layout.slot {
      allocator.slots.moveFromApplication(place, to: .held)
    }
    let settled: Frame.Remains? =
      switch settling {
      case .wholeSlot: nil
      case .copyBreak(let limit) where remains.extent > UInt64(max(0, limit)): trim(remains)
      case .inPlace: trim(remains)
      case .copyBreak where remains.layout == .packed: nil
      case .pack where remains.layout == .packed: moveToDenser(remains) ?? shorten(remains)
      case .copyBreak, .pack: pack(remains, in: nil) ?? trim(remains)
      }
    return Frame(settled ?? remains, facts, memory: memory.identity)
  }

  /// Keeps a received packet in pages of `group`: copies it there and releases its frame.
  ///
  /// Nil if the group may have no more (its quota) or memory is short: the packet is dropped and
  /// counted, at the port it came from (`PortReport.Drops.quota`), or if it comes from none of this
  /// engine's, in `portlessDrops`. A consumer that is stuck thus starves its own group only. A
  /// jumbo packet of several fragments is dropped and counted too: the kernel sends no frame that
  /// is longer than a chunk. A packet that was settled there before stays as it is.
  public mutating func settle(_ frame: consuming Frame, in group: FlowGroup) -> Frame? {
    let facts = frame.lifted
    let remains = frame.spend(in: memory.identity)
    if remains.layout == .packed, allocator.group(of: remains.address) == group {
      return Frame(remains, facts, memory: memory.identity)
    }
    let fits = remains.layout.furtherFragments == 0
    guard fits, let packed = pack(remains, in: group) else {
      if ports.indices.contains(remains.origin) {
        ports[remains.origin].counters.dropQuota &+= 1
      } else {
        portlessDrops &+= 1
      }
      releaseUnusual(remains)
      return nil
    }
    return Frame(packed, facts, memory: memory.identity)
  }

  /// Moves a held packet into a fuller node if there is one, so that its old pages come free.
  ///
  /// The packet's bytes stay; its address may change. For packets that are held for long, now and
  /// then; a packet in a slot or in several fragments stays where it is.
  public mutating func compact(_ frame: consuming Frame) -> Frame {
    let facts = frame.lifted
    let remains = frame.spend(in: memory.identity)
    let moved = remains.layout == .packed ? moveToDenser(remains) : nil
    return Frame(moved ?? remains, facts, memory: memory.identity)
  }

  /// Packets and bytes that settling and compacting have copied.
  public var copies: (packets: UInt64, bytes: UInt64) { (copiedPackets, copiedBytes) }

  /// Frees what a packet does not fill of its frame; nil if that cannot be trimmed.
  private mutating func trim(_ frame: Frame.Remains) -> Frame.Remains? {
    guard frame.layout.slot != nil, frame.extent > 0,
      allocator.trim(to: frame.address..<frame.address + frame.extent) != nil
    else { return nil }
    return Frame.Remains(
      address: frame.address, extent: frame.extent, layout: .packed, origin: Frame.ownOrigin)
  }

  /// Frees what a packed frame has behind its packet, which may have been made shorter; nil, since
  /// the packet stays where it is.
  private mutating func shorten(_ frame: Frame.Remains) -> Frame.Remains? {
    _ = allocator.trim(to: frame.address..<frame.address + frame.extent)
    return nil
  }

  /// Moves a packet that lies in a packed frame into a fuller node of its group; nil if there is
  /// none.
  private mutating func moveToDenser(_ frame: Frame.Remains) -> Frame.Remains? {
    allocator.allocateDenser(
      than: frame.address, byteCount: Int(truncatingIfNeeded: frame.extent)
    ).map { move(frame, to: $0) }
  }

  /// Moves a packet into a frame of its length, of `group` or of the one it is in; nil if there is
  /// none.
  private mutating func pack(_ frame: Frame.Remains, in group: FlowGroup?) -> Frame.Remains? {
    let byteCount = Int(truncatingIfNeeded: frame.extent)
    let found =
      if let group {
        allocator.allocate(byteCount: byteCount, group: group)
      } else {
        allocator.allocateBeside(frame.address, byteCount: byteCount)
      }
    return found.map { move(frame, to: $0) }
  }

  /// Whether the kernel would send a packet from there: in aligned memory not from across chunks.
  func mayBeSent(from address: UInt64, byteCount: Int) -> Bool {
    allocator.slots.takesOffsets || allocator.slots.holds(address, extent: UInt64(byteCount))
  }

  /// Moves a packet into a packed frame that was allocated for it, and releases its own.
  private mutating func move(_ frame: Frame.Remains, to address: UInt64) -> Frame.Remains {
    memory.copy(
      from: frame.address, to: address, count: Int(truncatingIfNeeded: frame.extent))
    copiedPackets &+= 1
    copiedBytes &+= frame.extent
    balance &+= 1
    recycle(frame.address, to: frame.origin)
    return Frame.Remains(
      address: address, extent: frame.extent, layout: .packed, origin: Frame.ownOrigin)
  }

  /// Counts every fragment of a jumbo packet as held and frees the last one's tail.
  private mutating func settleFragments(_ frame: Frame.Remains, trims: Bool) {
    forEachFragment(of: frame) { engine, fragment, isLast in
      guard let place = engine.allocator.slots.applicationPlace(of: fragment.address) else {
        return
      }
      engine.allocator.slots.moveFromApplication(place, to: .held)
      guard isLast, trims, fragment.count > 0 else { return }
      let end = fragment.address + UInt64(fragment.count)
      _ = engine.allocator.trim(to: engine.allocator.slots.base(of: place)..<end)
    }
  }
}

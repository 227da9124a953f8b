extension Engine {
  /// What an engine is made of.
  ///
  /// Defaults serve two ports at a few million packets a second. Checked in one place, when the
  /// engine is made.
  public struct Configuration: Sendable, Hashable {
    /// Bytes of packet memory: all frames of all ports, but for those in arenas that flow groups
    /// have of their own (`FlowGroup.Configuration.arena`), which come on top.
    ///
    /// Pinned when the first port is bound.
    public var memory = 8 << 20
    /// The pages asked for; `Engine.pages` and `pageFallback` say what was got and why.
    public var pages = PageKind.small
    /// Bytes of a chunk, 2,048 or 4,096: the longest packet it holds is 256 bytes and `headroom`
    /// shorter.
    public var chunkSize = 2048
    /// Whether slots to receive into may begin anywhere in a page: what short packets leave free
    /// becomes slots again, and frames to send are packed.
    ///
    /// Nil takes that wherever the driver does; `Engine.isUnaligned` says what was got. Rings in
    /// memory, which have no driver, are aligned unless asked otherwise.
    public var isUnaligned: Bool?
    /// Whether frames to send are as long as asked, many to a page, rather than slots: less memory,
    /// and more work for each.
    ///
    /// Nil packs them where slots may begin anywhere.
    public var packsFrames: Bool?
    /// Bytes left free in front of each received packet, beside the kernel's own 256.
    public var headroom = 0
    /// Entries of each of a port's rings, a power of two.
    public var ringSize = 2048
    /// Frames that each port's fill ring is kept stocked with.
    ///
    /// Nil shares three quarters of the memory among two ports; for more ports say how many each
    /// gets.
    public var fillDepth: Int?
    /// Most packets `receive` walks before it publishes and flushes.
    ///
    /// Nil is 64, and for a wire (`isTransparent`) up to 256, which is what one kick sends, as far
    /// as that is a sixth of the port's fill entries.
    public var burst: Int?
    /// Bytes that only `.critical` allocations can take.
    public var reserve = 0
    /// The allocator's nodes are 2^nodeOrder pages, 0 to 3 or 9: the longest packed frame, and what
    /// a flow group takes at a time.
    public var nodeOrder = 0
    /// The flow groups; the first is `FlowGroup.shared`.
    public var groups = [FlowGroup.Configuration()]
    /// Whether packets longer than a chunk are taken, in several fragments (`XDP_USE_SG`, Linux
    /// 6.6).
    public var takesFragments = false
    /// Whether the steering program writes what it found out in front of each packet, for
    /// `Frame.facts`.
    ///
    /// Every packet is looked at then. libxdp's dispatcher does not permit it: links are used.
    public var readsFacts = false
    /// Whether facts also say when the steering program saw the packet (`Frame.timestamp`), which
    /// costs each packet a look at the kernel's clock.
    public var stampsPackets = false
    /// Whether the flow's hash and, with `stampsPackets`, the time are the driver's where it knows
    /// them (`PacketFacts.hasDriverHash`, `hasDriverTime`).
    ///
    /// The engine has ports on one interface then, in native mode or zero copy; `bind` throws where
    /// its driver offers neither (`DriverCapabilities.receiveMetadata`). The kernel has a fault
    /// there that docs/steering.md tells of.
    public var asksDriver = false
    /// Whether `wait` returns at once instead of sleeping until there is something to do.
    public var isSpinning = false
    /// Whether `wait`, where packets come in numbers, lets them gather for a moment instead of
    /// being woken by the first.
    ///
    /// As adaptive interrupt coalescing of a NIC: fewer sleeps for as many packets. It does so
    /// after 32 packets or more since it last found none, where every port's fill ring has frames
    /// for eight times as many and the thread's timers are in time (`PR_SET_TIMERSLACK`), not while
    /// there is an export, and seldom if less than twice as many come then, as where they wait for
    /// answers. A packet may come some 70 microseconds later; where they come one by one none does.
    public var gathers = true
    /// Whether an engine that finds nothing received runs the driver's receive side itself, on its
    /// own processor (preferred busy polling), and the queue's interrupts are deferred meanwhile
    /// (Linux 6.13).
    ///
    /// It spins too. For zero copy, where interrupts would take turns with the engine or take
    /// another processor; one system call for each burst that found nothing. `PortReport.polling`
    /// says what was got.
    public var isBusyPolling = false
    /// Whether interfaces are made to pass on every frame as it was sent: promiscuous mode on;
    /// receive VLAN stripping, LRO and hardware GRO off.
    ///
    /// All of it is undone when the engine goes.
    public var isTransparent = false
    /// Whether `wait` throws when an interface vanishes; otherwise the other ports go on.
    public var endsWhenInterfaceGoes = true

    /// The defaults.
    public init() {}
  }
}

extension Engine.Configuration {
  /// Fill entries per port, unless the configuration says how many.
  var effectiveFillDepth: Int { fillDepth ?? fillShare(among: 2) }

  /// Fill entries for each of `portCount` ports: together three quarters of the memory.
  ///
  /// A burst that comes while the application does not run must find room; the last quarter is what
  /// can be sent, held or completed meanwhile.
  func fillShare(among portCount: Int) -> Int {
    max(1, min(ringSize, memory / chunkSize * 3 / (4 * portCount)))
  }

  /// Packets of a burst of a port with so many fill entries, unless the configuration says it.
  ///
  /// While what was received is being sent, its places on the fill ring are empty: they are to be
  /// few of all.
  func burst(at fillDepth: UInt32) -> UInt32 {
    if let burst { return UInt32(burst) }
    let most = min(isTransparent ? Socket.widestKick : Self.shortBurst, ringSize)
    return UInt32(min(most, max(Self.shortBurst, Int(fillDepth) / 6)))
  }

  private static let shortBurst = 64

  /// What the kernel is told about the memory.
  var chunks: UMEM.Configuration {
    var chunks = UMEM.Configuration()
    chunks.chunkSize = chunkSize
    chunks.headroom = headroom
    chunks.isUnaligned = isUnaligned ?? true
    // In copy mode the kernel says what it took from the ring when it has taken all that was there:
    // until then what it took seems to fill the ring, and what is released would find no room.
    chunks.fillSize = ringSize > 1 << 19 ? ringSize : 2 * ringSize
    chunks.completionSize = ringSize
    chunks.receiveSize = ringSize
    chunks.transmitSize = ringSize
    return chunks
  }

  /// Bytes of all packet memory.
  var byteCount: Int { groups.reduce(memory) { $0 + ($1.arena ?? 0) } }

  /// The files that packet memory is glued from: what all groups share, then each arena.
  var parts: [MemoryPart] {
    var parts = [MemoryPart(byteCount: memory)]
    for group in groups {
      guard let arena = group.arena else { continue }
      parts.append(
        MemoryPart(byteCount: arena, access: group.isWritable ? .writable : .readOnly))
    }
    return parts
  }

  /// Fill entries for each of `portCount` ports that receive into an arena of `group` alone: three
  /// quarters of it together.
  func fillShare(of group: FlowGroup, among portCount: Int) -> Int? {
    guard groups.indices.contains(group.index), let arena = groups[group.index].arena else {
      return nil
    }
    let slots = arena / (groups[group.index].isIsolated ? max(4096, chunkSize) : chunkSize)
    let share = max(1, min(ringSize, slots * 3 / (4 * portCount)))
    return fillDepth.map { min($0, share) } ?? share
  }

  func validated() throws(XDPError) {
    guard chunkSize == 2048 || chunkSize == 4096 else {
      throw refusal("chunks of \(chunkSize) bytes are not possible", "choose 2048 or 4096")
    }
    try chunks.validate(byteCount: memory)
    try validateArenas()
    guard memory >= 4096 << nodeOrder else {
      throw refusal(
        "\(memory) bytes of memory are less than a node", "give it \(4096 << nodeOrder) or more")
    }
    guard pages == .small || !groups.contains(where: \.isWritable) else {
      throw refusal(
        "a tenant could make a hole in a huge page that this process then cannot fill",
        "use small pages where a group is writable")
    }
    guard groups.allSatisfy({ $0.arena != nil || !$0.isWritable }) else {
      throw refusal(
        "a group without an arena of its own cannot be written by a tenant", "give it an arena")
    }
    if let burst, burst <= 0 || burst > ringSize {
      throw refusal(
        "a burst of \(burst) packets is not possible", "choose 1 to the ring size, \(ringSize)")
    }
    guard readsFacts || !stampsPackets else {
      throw refusal("packets are stamped with other facts or not at all", "ask for readsFacts too")
    }
    guard readsFacts || !asksDriver else {
      throw refusal("what the driver says comes with other facts", "ask for readsFacts too")
    }
    let most = min(ringSize, memory / chunkSize)
    if let fillDepth {
      guard fillDepth > 0, fillDepth <= most else {
        throw refusal("a fill depth of \(fillDepth) is not possible", "choose 1 to \(most)")
      }
    }
  }

  /// What follows divides by the size of a node and adds up the memory.
  private func validateArenas() throws(XDPError) {
    guard (0...3).contains(nodeOrder) || nodeOrder == 9 else {
      throw refusal(
        "nodes of 2^\(nodeOrder) pages are not possible", "choose an order of 0 to 3, or 9")
    }
    let nodeSize = 4096 << nodeOrder
    var sum = memory
    for group in groups {
      guard let arena = group.arena else { continue }
      guard memory % nodeSize == 0 else {
        throw refusal(
          "\(memory) bytes of memory do not end where an arena can begin",
          "choose a multiple of \(nodeSize)")
      }
      let (next, overflows) = sum.addingReportingOverflow(arena)
      guard arena > 0, arena % nodeSize == 0, !overflows else {
        throw refusal(
          "an arena of \(arena) bytes beside \(sum) bytes of memory is not possible",
          "choose a multiple of \(nodeSize) that the machine can have")
      }
      sum = next
    }
  }

  /// Bytes whose multiples no frame may lie across, for the kernel would not send it; nil if it
  /// sends it from anywhere in a node.
  ///
  /// Aligned descriptors name bytes of one chunk. Unaligned ones may go over into the next page if
  /// the device has the two side by side, which zero copy alone asks for: pages of 2 MiB that were
  /// set aside are whole to it, and no node is longer; of others nobody promises it.
  func boundary(isUnaligned: Bool, isZeroCopy: Bool, pages: PageKind?) -> Int? {
    guard isUnaligned else { return chunkSize }
    return isZeroCopy && pages != .huge ? 4096 : nil
  }

  func makePool(
    isUnaligned: Bool, boundary: Int?, workers: Int
  ) throws(XDPError) -> FramePool {
    var frames = FrameAllocator.Configuration(
      byteCount: byteCount, chunkSize: chunkSize, reserve: reserve, groups: groups)
    frames.isUnaligned = isUnaligned
    frames.boundary = boundary
    frames.nodeOrder = nodeOrder
    frames.workers = workers
    do {
      return try FramePool(frames)
    } catch {
      throw refusal("\(error)", "change the engine's configuration")
    }
  }

  func validate(workers: Int) throws(XDPError) {
    let most = FrameAllocator.Configuration.workerLimit
    guard (1...most).contains(workers) else {
      throw refusal("\(workers) engines cannot share memory", "choose 1 to \(most)")
    }
  }

  /// The table of the fragments of jumbo packets: an entry per slot, if there may be any.
  func makeLinks() -> FragmentTable {
    FragmentTable(slotCount: takesFragments ? byteCount / chunkSize : 0)
  }

  private func refusal(_ reason: String, _ remedy: String) -> XDPError {
    XDPError(.configuration, operation: "make an engine", reason: reason, remedy: remedy)
  }
}

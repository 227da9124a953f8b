public import XSK

/// An arena of another process's packet memory to write packets into, which that process sends.
///
/// The tenant's end of `Engine.lease`. It needs no capability and no AF_XDP. A writer belongs to
/// one thread.
///
///     var writer = try FlowWriter(connectedTo: "/run/flows")
///     while writer.wait() {
///       while var slot = writer.allocate() {
///         let count = fill(writer.mutableBytes(of: &slot))
///         writer.submit(slot, byteCount: count)
///       }
///     }
///
/// What was submitted is published when `allocate` finds nothing, in `wait` and in `flush`.
@frozen public struct FlowWriter: ~Copyable {
  @usableFromInline var channel: Channel
  @usableFromInline let arena: ArenaView
  /// Bytes of a slot: of the longest packet.
  public let slotSize: Int
  /// How many slots the arena has.
  public let slotCount: Int
  /// Slots that were allocated and given back without a packet.
  @usableFromInline var spares: [UInt64] = []
  /// Entries of the engine's process that named no slot: it is broken.
  public private(set) var strayCount = 0
  @usableFromInline var sleeper = Sleeper()

  /// Asks at the Unix socket of an engine's process, and waits until it gives the arena.
  public init(
    connectedTo path: String, timeout: Duration = .seconds(10)
  ) throws(XDPError) {
    try self.init(over: PeerSocket(connectedTo: path), timeout: timeout)
  }

  /// Takes over a socket to an engine's process, such as one that was inherited.
  public init(
    connectedTo descriptor: Int32, timeout: Duration = .seconds(10)
  ) throws(XDPError) {
    try self.init(over: PeerSocket(descriptor), timeout: timeout)
  }

  /// The same over one end of a pair.
  public init(
    over socket: consuming PeerSocket, timeout: Duration = .seconds(10)
  ) throws(XDPError) {
    let (shipment, files) = try Shipment.unpack(socket, as: .tenant, timeout: timeout)
    // Both have an owner before one of them is refused.
    let arenaFile = ReceivedDescriptor(files[0])
    let channelFile = ReceivedDescriptor(files[1])
    let arena = try ArenaView(arenaFile, isWritable: true)
    let memory = try ChannelMemory(of: channelFile, size: shipment.ringSize)
    slotSize = shipment.chunkSize
    slotCount = shipment.packetLimit
    self.arena = arena
    channel = Channel(memory, .peer, socket: socket)
  }

  /// A slot to write a packet into, with undefined contents; nil if all are on their way or the
  /// lease is over.
  @inlinable @inline(__always)
  public mutating func allocate() -> FlowSlot? {
    guard !channel.isOver else { return nil }
    if let spare = spares.popLast() { return FlowSlot(offset: spare) }
    while channel.receiver.remaining != 0 || look() {
      let entry = channel.receiver.take()
      if _fastPath(arena.holds(entry.first, count: UInt64(truncatingIfNeeded: slotSize))) {
        return FlowSlot(offset: entry.first)
      }
      countStray()
    }
    return nil
  }

  /// The bytes of a slot, to read and write.
  @inlinable @inline(__always) @_lifetime(borrow self, &slot)
  public func mutableBytes(of slot: inout FlowSlot) -> MutableRawSpan {
    arena.mutableSpan(at: slot.offset, count: slotSize)
  }

  /// Sends the first `byteCount` bytes of a slot; it comes back when they are sent.
  ///
  /// Traps unless `byteCount` is that of an Ethernet header at least, and of a slot at most.
  @inlinable @inline(__always)
  public mutating func submit(_ slot: consuming FlowSlot, byteCount: Int) {
    precondition(byteCount >= 14 && byteCount <= slotSize, "no packet has this length")
    let offset = slot.spend()
    guard _fastPath(channel.sender.hasRoom) else { return countStray() }
    let word = PacketWord(offset: offset, count: UInt64(truncatingIfNeeded: byteCount))
    channel.sender.put(ChannelEntry(word.bits, 0))
  }

  /// Gives a slot back without sending anything.
  public mutating func release(_ slot: consuming FlowSlot) { spares.append(slot.spend()) }

  /// Publishes what was submitted; wakes the engine if it sleeps.
  public mutating func flush() { channel.publish() }

  /// Publishes what was submitted and sleeps until a slot comes back or `timeout` has passed; nil
  /// waits for ever.
  ///
  /// Returns at once if slots are there. False when the lease is over.
  public mutating func wait(timeout: Duration? = nil) -> Bool {
    channel.publish()
    // Slots that are left are of no use then.
    return sleeper.sleep(on: &channel, timeout: spares.isEmpty ? timeout : .zero)
  }

  @usableFromInline @inline(never)
  mutating func look() -> Bool {
    channel.publish()
    return channel.receiver.peek() != 0
  }

  @usableFromInline @inline(never)
  mutating func countStray() { strayCount += 1 }
}

/// A slot that a writer has: a linear token, to be submitted or released once.
@frozen public struct FlowSlot: ~Copyable, Sendable {
  /// Where the slot begins in the arena.
  public let offset: UInt64

  @inlinable @inline(__always)
  init(offset: UInt64) { self.offset = offset }

  @inlinable @inline(__always)
  consuming func spend() -> UInt64 {
    let offset = offset
    discard self
    return offset
  }

  @inlinable @inline(__always)
  deinit {
    assertionFailure("slot leaked: submit or release every slot")
  }
}

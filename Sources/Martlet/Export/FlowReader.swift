public import XSK

/// The packets of a flow group that another process receives: read in place, each spent with a
/// verdict.
///
/// The consumer's end of `Engine.export`. It needs no capability and no AF_XDP: the engine's
/// process gives it the arena, which it can map to read and nothing else, and a channel. A reader
/// belongs to one thread. When it goes, the packets it has go home as if dropped.
///
///     var reader = try FlowReader(connectedTo: "/run/flows")
///     while reader.wait() {
///       while let packet = reader.next() {
///         reader.spend(packet, judge(reader, packet))
///       }
///     }
///
/// What was spent is published when `next` finds nothing more, in `wait` and in `flush`. No system
/// call is made while packets keep coming.
@frozen public struct FlowReader: ~Copyable {
  @usableFromInline var channel: Channel
  @usableFromInline let arena: ArenaView
  /// Most packets it can have at a time.
  public let packetLimit: Int
  /// The verdicts that packets may be spent with; any other is counted by the engine and drops.
  public let verdicts: Set<FlowVerdict>
  /// Entries that named no bytes of the arena, or packets that came back when there was no room:
  /// the engine's process is broken.
  public private(set) var strayCount = 0
  @usableFromInline var sleeper = Sleeper()

  /// Asks at the Unix socket of an engine's process, and waits until it gives the group.
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
    let (shipment, files) = try Shipment.unpack(socket, as: .consumer, timeout: timeout)
    // Both have an owner before one of them is refused.
    let arenaFile = ReceivedDescriptor(files[0])
    let channelFile = ReceivedDescriptor(files[1])
    let arena = try ArenaView(arenaFile, isWritable: false)
    let memory = try ChannelMemory(of: channelFile, size: shipment.ringSize)
    verdicts = shipment.verdicts
    packetLimit = shipment.packetLimit
    self.arena = arena
    channel = Channel(memory, .peer, socket: socket)
  }

  /// The next packet, or nil if none is there or the export is over.
  @inlinable @inline(__always)
  public mutating func next() -> FlowPacket? {
    while !channel.isOver && (channel.receiver.remaining != 0 || look()) {
      let facts = FactWords(channel.receiver.rest())
      let entry = channel.receiver.take()
      let word = PacketWord(bits: entry.first)
      if _fastPath(arena.holds(word.offset, count: word.count)) {
        return FlowPacket(word, ticket: entry.second, facts)
      }
      countStray()
    }
    return nil
  }

  /// The bytes of a packet, to read, where the NIC or the kernel put them.
  ///
  /// They are the packet's until it is spent.
  @inlinable @inline(__always) @_lifetime(borrow self, borrow packet)
  public func bytes(of packet: borrowing FlowPacket) -> RawSpan {
    arena.span(at: packet.offset, count: packet.byteCount)
  }

  /// Gives a packet back with a verdict.
  @inlinable @inline(__always)
  public mutating func spend(_ packet: consuming FlowPacket, _ verdict: FlowVerdict) {
    let ticket = packet.spend()
    guard _fastPath(channel.sender.hasRoom) else { return countStray() }
    channel.sender.put(ChannelEntry(ticket, UInt64(verdict.rawValue)))
  }

  /// Asks `judge` about every packet that is there and spends it; returns how many there were.
  ///
  /// The tightest loop there is: packets never become tokens.
  @inlinable @inline(__always) @discardableResult
  public mutating func forEach(_ judge: (RawSpan) -> FlowVerdict) -> Int {
    var count = 0
    while let packet = next() {
      let verdict = judged(packet, judge)
      spend(packet, verdict)
      count &+= 1
    }
    return count
  }

  @inlinable @inline(__always)
  func judged(
    _ packet: borrowing FlowPacket, _ judge: (RawSpan) -> FlowVerdict
  ) -> FlowVerdict { judge(bytes(of: packet)) }

  /// Publishes what was spent; wakes the engine if it sleeps.
  public mutating func flush() { channel.publish() }

  /// Publishes what was spent and sleeps until a packet is there or `timeout` has passed; nil waits
  /// for ever.
  ///
  /// False when the export is over: the engine ended it, or its process is gone. What was not taken
  /// by then has gone home.
  public mutating func wait(timeout: Duration? = nil) -> Bool {
    channel.publish()
    return sleeper.sleep(on: &channel, timeout: timeout)
  }

  /// The same, but sleeps until `count` packets are there; those that came before `patience` has
  /// passed are enough, if there are any.
  ///
  /// For steady traffic: packets come later by `patience` at most, and a sleep and a wake are paid
  /// for `count` packets, and not for as many as came while the reader woke. No more than
  /// `packetLimit` are waited for.
  public mutating func wait(
    gathering count: Int, for patience: Duration, timeout: Duration? = nil
  ) -> Bool {
    channel.publish()
    let count = UInt32(clamping: max(1, min(count, packetLimit)))
    guard sleeper.sleep(on: &channel, for: count, timeout: patience) else { return false }
    if channel.receiver.hasPending || timeout.map({ $0 <= patience }) == true { return true }
    return sleeper.sleep(on: &channel, timeout: timeout.map { $0 - patience })
  }

  /// Whether the export is over.
  ///
  /// From then on the bytes of packets may change: who must be sure of what was read asks
  /// afterwards.
  public var isOver: Bool { channel.isOver }

  /// System calls made so far, to sleep and to wake the engine.
  public var systemCallCount: UInt64 { sleeper.callCount + channel.wakeCount }

  /// Publishes what was spent and opens a new window; says whether there is something in it.
  @usableFromInline @inline(never)
  mutating func look() -> Bool {
    channel.publish()
    return channel.receiver.peek() != 0
  }

  @usableFromInline @inline(never)
  mutating func countStray() { strayCount += 1 }
}

/// A packet that a reader has: a linear token, to be spent once.
///
/// It cannot be copied; spending it twice, or reading it afterwards, does not compile. Forgetting
/// one does compile; debug builds trap then.
@frozen public struct FlowPacket: ~Copyable, Sendable {
  @usableFromInline let word: PacketWord
  @usableFromInline let ticket: UInt64
  @usableFromInline let words: FactWords

  @inlinable @inline(__always)
  init(_ word: PacketWord, ticket: UInt64, _ facts: FactWords) {
    self.word = word
    words = facts
    self.ticket = ticket
  }

  /// Where the packet begins in the arena.
  @inlinable public var offset: UInt64 {
    @inline(__always) get { word.offset }
  }

  /// Bytes of the packet.
  @inlinable public var byteCount: Int {
    @inline(__always) get { Int(truncatingIfNeeded: word.count) }
  }

  /// What the engine's process found out about the packet, but for the group, which is 0; nil
  /// unless that process reads facts.
  @inlinable public var facts: PacketFacts? { words.facts }

  /// The rule that named the packet, by the number that the engine's process knows it by; nil if
  /// none did, and unless that process reads facts.
  @inlinable public var rule: RuleID? { words.facts?.rule }

  /// The hash of the packet's flow, the steering program's or the driver's (`facts`); nil unless
  /// the engine's process reads facts.
  @inlinable public var flowHash: UInt32? { words.facts?.flowHash }

  /// When the steering program saw the packet, in nanoseconds of `CLOCK_MONOTONIC`, or when it
  /// arrived by the driver's clock (`facts`); nil unless the engine's process has packets stamped.
  @inlinable public var timestamp: UInt64? { words.facts?.timestamp }

  @inlinable @inline(__always)
  consuming func spend() -> UInt64 {
    let ticket = ticket
    discard self
    return ticket
  }

  @inlinable @inline(__always)
  deinit {
    assertionFailure("packet leaked: spend every packet with a verdict")
  }
}

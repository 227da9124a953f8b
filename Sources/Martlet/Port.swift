internal import FrameAllocator

/// One queue of one interface, bound by an engine: the name the application calls it by.
@frozen public struct Port: Hashable, Sendable {
  /// The port's number in its engine, counting from 0 in the order of binding; engines that share
  /// their memory number their ports through.
  public let index: Int

  @inlinable @inline(__always)
  init(index: Int) { self.index = index }
}

/// What the engine keeps per port for the data plane: the socket with its rings, and counters.
///
/// Loops do not touch it packet by packet: they walk the port's `Lane`, runs of its rings. Where
/// nothing else is said, a function here wants those runs closed.
///
/// Invariants: `posted` entries were given to the fill ring and have not come back as packets;
/// `inFlight` descriptors were given to the transmit ring and have not come back as completions.
/// Both follow from the rings' positions, so no packet pays for them, and the ledger compares them
/// with the allocator's table, which is kept frame by frame.
@usableFromInline struct PortState: ~Copyable {
  @usableFromInline var socket: Socket
  /// Fill entries wanted with the kernel; 0 before the port is stocked and once it is gone.
  @usableFromInline var fillDepth: UInt32 = 0
  /// The same while it is in use.
  var wantedDepth: UInt32
  /// Whether nothing can be received, as there was never a frame for it.
  var isEmpty: Bool { fillDepth == 0 && !isRetired }
  /// Most packets of a burst.
  var burst: UInt32
  /// The flow group whose pages the fill ring is stocked with.
  let group: FlowGroup
  /// Whether facts are lifted from in front of its packets.
  var facts = FactsReading.off
  /// Which of the steering program's ports it is; nil for rings in memory.
  var steeringPlace: Int?
  /// `fill.position - receive.position` when nothing is posted.
  @usableFromInline var fillOrigin: UInt32
  /// `transmit.position - completion.position` when nothing is in flight.
  @usableFromInline var transmitOrigin: UInt32
  /// Whether the kernel took no more at the last push: not worth a system call before the next
  /// flush.
  @usableFromInline var isStalled = false
  /// Whether the interface is gone: packets for the port are dropped.
  @usableFromInline var isRetired = false
  /// Whether a burst is open: packets of the receive ring's window are being walked.
  @usableFromInline var isBursting = false
  /// The other port whose fill ring last took what this one had sent.
  var recipient: Int?
  /// Where the receive and transmit rings stood when `counters` last took their packets over.
  @usableFromInline var countedReceive: UInt32
  @usableFromInline var countedTransmit: UInt32
  @usableFromInline var counters = PortCounters()

  init(
    socket: consuming Socket, fillDepth: UInt32, burst: UInt32, group: FlowGroup = .shared
  ) {
    self.group = group
    fillOrigin = socket.rings.fill.position &- socket.rings.receive.position
    transmitOrigin = socket.rings.transmit.position &- socket.rings.completion.position
    countedReceive = socket.rings.receive.position
    countedTransmit = socket.rings.transmit.position
    self.socket = socket
    wantedDepth = fillDepth
    self.burst = burst
  }

  @inlinable var posted: UInt32 {
    @inline(__always) get {
      socket.rings.fill.position &- socket.rings.receive.position &- fillOrigin
    }
  }

  @inlinable var inFlight: UInt32 {
    @inline(__always) get {
      socket.rings.transmit.position &- socket.rings.completion.position &- transmitOrigin
    }
  }

  /// Most frames that can be in flight: each has room on the transmit or the completion ring.
  var ringCapacity: Int {
    Int(socket.rings.transmit.size) + Int(socket.rings.completion.size)
  }

  /// What `posted` will be when the runs of `lane` are closed.
  func posted(with lane: Lane) -> UInt32 {
    socket.rings.fill.position(of: lane.fill)
      &- socket.rings.receive.position(of: lane.receive) &- fillOrigin
  }

  /// What `inFlight` will be when the runs of `lane` are closed.
  @usableFromInline func inFlight(with lane: Lane) -> UInt32 {
    socket.rings.transmit.position(of: lane.transmit)
      &- socket.rings.completion.position &- transmitOrigin
  }

  /// Frames put onto the transmit and fill rings, less those taken off the receive ring, when the
  /// runs of `lane` are closed; modulo 2^32.
  func takenFrames(with lane: Lane) -> UInt32 {
    socket.rings.fill.position(of: lane.fill) &+ socket.rings.transmit.position(of: lane.transmit)
      &- socket.rings.receive.position(of: lane.receive)
  }

  /// Entries that the fill ring wants, those of the open window counted as received.
  ///
  /// What a burst releases may go back at once: no more than it took off the ring.
  @inlinable var fillShortage: UInt32 {
    @inline(__always) get {
      let posted =
        socket.rings.fill.position &- socket.rings.receive.windowEnd &- fillOrigin
      return posted < fillDepth ? fillDepth &- posted : 0
    }
  }
}

extension PortState {
  /// Adds the packets walked since the last time to the counter: one per descriptor.
  ///
  /// Whoever takes a descriptor that is not one packet corrects the counter there and then.
  @inlinable @inline(__always)
  mutating func countReceived() {
    let position = socket.rings.receive.position
    counters.receivedPackets &+= UInt64(position &- countedReceive)
    countedReceive = position
  }

  /// Packets that the counters do not have yet, with the runs of `lane`.
  func uncounted(with lane: Lane) -> (received: UInt32, sent: UInt32) {
    (
      socket.rings.receive.position(of: lane.receive) &- countedReceive,
      socket.rings.transmit.position(of: lane.transmit) &- countedTransmit
    )
  }

  /// Takes the port out of service: nothing is posted or in flight any more, and nothing will be.
  ///
  /// What stood on the receive ring and what the kernel had not taken off the transmit ring went
  /// with the interface; its frames were called home.
  ///
  /// Returns the bytes among what was to be sent.
  mutating func retire() -> UInt64 {
    countReceived()
    countSent()
    let waiting = socket.rings.receive.peek(.max)
    socket.rings.receive.skipWindow()
    socket.rings.receive.release()
    countedReceive = socket.rings.receive.position
    let unsent = takeBackUnsent()
    counters.dropPortGone &+= UInt64(waiting) &+ unsent.packets
    socket.rings.transmit.close()
    countedTransmit = socket.rings.transmit.position
    fillDepth = 0
    isRetired = true
    fillOrigin = socket.rings.fill.position &- socket.rings.receive.position
    transmitOrigin = socket.rings.transmit.position &- socket.rings.completion.position
    return unsent.bytes
  }

  /// Counts the packets that still stand on the transmit ring as not sent, and says how many.
  private mutating func takeBackUnsent() -> (packets: UInt64, bytes: UInt64) {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    for offset in 0..<socket.rings.transmit.pending {
      let descriptor = socket.rings.transmit.pendingEntry(offset)
      bytes &+= UInt64(descriptor.byteCount)
      if !descriptor.continues { packets &+= 1 }
    }
    counters.sentPackets &-= packets
    return (packets, bytes)
  }

  /// Adds the packets put on the transmit ring since the last time to the counter.
  @inlinable @inline(__always)
  mutating func countSent() {
    let position = socket.rings.transmit.position
    counters.sentPackets &+= UInt64(position &- countedTransmit)
    countedTransmit = position
  }
}

/// What the data plane itself counts, but for bytes, which the lane has; the kernel's own counters
/// are read from the socket.
@usableFromInline struct PortCounters {
  @usableFromInline var receivedPackets: UInt64 = 0
  @usableFromInline var sentPackets: UInt64 = 0
  @usableFromInline var dropVerdict: UInt64 = 0
  @usableFromInline var dropTransmitFull: UInt64 = 0
  /// Packets of several fragments that were incomplete, or that nobody asked for.
  @usableFromInline var dropBroken: UInt64 = 0
  /// Packets that a flow group had no frame to keep in.
  @usableFromInline var dropQuota: UInt64 = 0
  /// Descriptors and completions that named no frame of this port.
  @usableFromInline var untrusted: UInt64 = 0
  /// Packets that were to be sent when the interface went away.
  @usableFromInline var dropPortGone: UInt64 = 0
}

/// What a port is, what went through it and what did not.
public struct PortReport: Sendable, Hashable {
  /// Packets and bytes of one direction.
  public struct Traffic: Sendable, Hashable {
    /// Packets.
    public var packets: UInt64 = 0
    /// Bytes, Ethernet headers included.
    public var bytes: UInt64 = 0
  }

  /// Packets that went nowhere, by cause.
  public struct Drops: Sendable, Hashable {
    /// The application was too slow: the receive ring was full (`rx_ring_full`).
    public var receiveRingFull: UInt64 = 0
    /// The kernel had no frame to receive into (`rx_fill_ring_empty_descs`).
    ///
    /// Always 0 in zero copy, where the kernel counts something else: `fillWaits`.
    public var fillEmpty: UInt64 = 0
    /// The transmit ring was full, also after a flush.
    public var transmitFull: UInt64 = 0
    /// The kernel refused the descriptor (`tx_invalid_descs`).
    public var transmitInvalid: UInt64 = 0
    /// The packet was longer than a chunk holds (`rx_dropped` beyond `fillEmpty`; in zero copy all
    /// of it).
    public var tooLong: UInt64 = 0
    /// A forwarder's closure said so.
    public var verdict: UInt64 = 0
    /// The flow group that was to keep the packet had no frame for it: by its quota, for want of
    /// memory, or because the packet has several fragments.
    public var quota: UInt64 = 0
    /// A packet of several fragments was incomplete, or nobody asked for such packets.
    public var broken: UInt64 = 0
    /// The interface vanished before the packet was sent.
    public var interfaceGone: UInt64 = 0
  }

  /// The interface's name.
  public var interface: String
  /// The queue's number.
  public var queue: Int
  /// The rung of the mode ladder: zero-copy, copy or generic.
  public var mode: BindMode
  /// Why the port stands on this rung: which port decided, and what its driver said.
  public var modeReason: String
  /// How the steering program is attached, nil for rings in memory.
  public var attachment: Attachment?
  /// What the driver announced when the port was bound; nil where the kernel does not tell (before
  /// Linux 6.3).
  public var capabilities: DriverCapabilities?
  /// Whether the interface is up, down or gone, as last seen.
  public var state: LinkState
  /// Whether the facts of its packets are read, and if not, why.
  public var facts = FactsReading.off
  /// Whether the engine fetches the packets from the driver itself, and if not, why.
  public var polling = PortPolling.off
  /// What came in.
  public var received = Traffic()
  /// What went out.
  public var sent = Traffic()
  /// What was dropped.
  public var dropped = Drops()
  /// How often the driver looked for frames to receive into and found none
  /// (`rx_fill_ring_empty_descs` in zero copy).
  ///
  /// Not packets: those wait in the NIC meanwhile, and it alone counts what it drops.
  public var fillWaits: UInt64 = 0
  /// Ring entries of the kernel's side that named no frame of this port; not packets.
  public var untrusted: UInt64 = 0
}

extension PortReport {
  /// Takes over what the kernel counted for the port's socket.
  mutating func note(_ kernel: SocketStatistics) {
    dropped.receiveRingFull = kernel.receiveRingFull
    dropped.transmitInvalid = kernel.transmitInvalid
    sent.packets &-= min(kernel.transmitInvalid, sent.packets)
    guard mode != .zeroCopy else {
      fillWaits = kernel.fillRingEmpty
      dropped.tooLong = kernel.receiveDropped
      return
    }
    dropped.fillEmpty = kernel.fillRingEmpty
    // A copying socket counts a packet without a frame in both; what is left was too long.
    dropped.tooLong = kernel.receiveDropped &- min(kernel.fillRingEmpty, kernel.receiveDropped)
  }
}

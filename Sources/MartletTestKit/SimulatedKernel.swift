public import XSK

/// The kernel's side of one AF_XDP queue, played in user space: no root, no interface, every fault
/// on demand.
///
/// One thread at a time uses it.
///
/// It does what Linux 6.18 does in copy mode, as far as an application can tell: which chunk a
/// packet lands in and where, what is dropped and how it is counted, what comes back as completed.
public final class SimulatedKernel {
  /// The rings, with the application's ends to take.
  public let rings: MemoryRings
  /// The packets' memory.
  public let memory: SimulatedMemory
  /// How the UMEM was registered.
  public let configuration: Configuration
  /// What goes wrong with completions.
  ///
  /// Change it at any time.
  public var faults = Faults()
  /// What stands in front of the packets to come: an XDP program's metadata.
  ///
  /// A jumbo packet has it in front of its first fragment.
  public var metadata: [UInt8] = []
  /// What has happened so far.
  public internal(set) var counts = Counts()
  /// Chunks taken from the fill ring whose packet was then dropped; the next packets get them
  /// first.
  public internal(set) var parkedChunks: [UInt64] = []
  /// Completions that `faults.holdsCompletions` keeps back, oldest first.
  public internal(set) var heldCompletions: [UInt64] = []

  /// How the UMEM was registered.
  public struct Configuration: Sendable {
    /// Bytes of a chunk.
    public var chunkSize = 2048
    /// Bytes the application asked to stay free in front of a packet; the kernel adds its own 256.
    public var headroom = 0
    /// Chunks at any address (`XDP_UMEM_UNALIGNED_CHUNK_FLAG`).
    public var isUnaligned = false
    /// Packets of several fragments (`XDP_USE_SG`).
    public var takesFragments = false

    /// Aligned chunks of 2,048 bytes, no headroom, one fragment per packet.
    public init() {}
  }

  /// What has happened so far, in packets unless it says otherwise.
  public struct Counts: Equatable, Sendable {
    /// Put into the receive ring.
    public var received = 0
    /// Dropped because the fill ring had too few chunks (`rx_fill_ring_empty_descs`).
    public var fillEmpty = 0
    /// Dropped because the receive ring was full (`rx_ring_full`).
    public var receiveRingFull = 0
    /// Dropped because they do not fit into a chunk.
    public var tooLong = 0
    /// Fill entries outside the memory, thrown away.
    public var invalidFill = 0
    /// Sent.
    public var sent = 0
    /// Transmit descriptors refused (`tx_invalid_descs`).
    public var invalidTransmit = 0
  }

  /// What goes wrong with completions: all off, they come once, in order and exact.
  public struct Faults: Sendable {
    /// Each `transmit` completes its descriptors last first.
    public var reversesCompletions = false
    /// Bit 0 of each address is lost, as in copy mode.
    public var losesBitZero = false
    /// Each address comes back twice.
    public var repeatsCompletions = false
    /// Addresses that were never sent, added once behind the next completions.
    public var garbage: [UInt64] = []
    /// Completions wait until `releaseCompletions()`.
    public var holdsCompletions = false
    /// Refused descriptors never come back, as on kernels before 6.12.
    public var forgetsInvalid = false

    /// No fault.
    public init() {}
  }

  /// A queue with the given rings and memory.
  public init(
    rings: MemoryRings = MemoryRings(), memory: SimulatedMemory,
    _ change: (inout Configuration) -> Void = { _ in }
  ) {
    var configuration = Configuration()
    change(&configuration)
    self.rings = rings
    self.memory = memory
    self.configuration = configuration
  }

  /// The application's view of the packets' memory.
  ///
  /// It keeps this object alive, and with it the rings: an engine that owns both the view and the
  /// application's ends needs nothing else kept.
  public func packetMemory() -> PacketMemory {
    memory.packetMemory(owner: self)
  }
}

extension UMEM {
  /// How packet memory is cut into chunks, and how large the rings of every socket on it are.
  public struct Configuration: Sendable, Hashable {
    /// Bytes of a chunk: 2048 or 4096; anything from 2048 to 4096 if `isUnaligned`.
    public var chunkSize = 2048
    /// Bytes left free in front of every received packet, besides the kernel's own 256.
    public var headroom = 0
    /// Whether a chunk may lie at any address (`XDP_UMEM_UNALIGNED_CHUNK_FLAG`).
    public var isUnaligned = false
    /// Entries of each fill ring, a power of two.
    public var fillSize = 2048
    /// Entries of each completion ring, a power of two.
    public var completionSize = 2048
    /// Entries of each receive ring, a power of two.
    public var receiveSize = 2048
    /// Entries of each transmit ring, a power of two.
    public var transmitSize = 2048

    /// Aligned chunks of 2048 bytes without headroom, and rings of 2048 entries.
    public init() {}

    /// Bytes of the largest packet that one chunk receives, Ethernet header included.
    ///
    /// The kernel keeps 256 bytes in front of every packet (`XDP_PACKET_HEADROOM`).
    public var largestPacket: Int { chunkSize - headroom - 256 }

    /// Throws `.configuration` if no kernel would take this for `byteCount` bytes of memory.
    public func validate(byteCount: Int) throws(XDPError) {
      guard (2048...4096).contains(chunkSize) else {
        throw refused("chunks of \(chunkSize) bytes", "choose 2048 to 4096")
      }
      guard isUnaligned || chunkSize == 2048 || chunkSize == 4096 else {
        throw refused(
          "aligned chunks of \(chunkSize) bytes", "choose 2048 or 4096, or unaligned chunks")
      }
      // What Linux 6.18 leaves: 256 bytes of its own, and 448 for the packet and its end.
      guard (0...chunkSize - 704).contains(headroom) else {
        throw refused(
          "headroom of \(headroom) bytes in a chunk of \(chunkSize)",
          "choose 0 to \(chunkSize - 704)")
      }
      let rings = [
        ("receive", receiveSize), ("transmit", transmitSize), ("fill", fillSize),
        ("completion", completionSize),
      ]
      for (name, size) in rings where size.nonzeroBitCount != 1 || !(1...1 << 20).contains(size) {
        throw refused("a \(name) ring of \(size) entries", "choose a power of two up to \(1 << 20)")
      }
      guard byteCount >= chunkSize else {
        throw refused("\(byteCount) bytes of memory", "reserve at least one chunk")
      }
    }

    private func refused(_ subject: String, _ remedy: String) -> XDPError {
      XDPError(
        .configuration, operation: "configure packet memory",
        reason: "the kernel does not take \(subject)", remedy: remedy)
    }
  }
}

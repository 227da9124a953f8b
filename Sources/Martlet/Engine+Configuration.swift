extension Engine {
  /// What an engine is made of. Defaults serve two ports at a few million packets a second; checked in
  /// one place, when the engine is made.
  public struct Configuration: Sendable, Hashable {
    /// Bytes of packet memory: all frames of all ports. Pinned when the first port is bound.
    public var memory = 8 << 20
    /// Bytes of a chunk, 2,048 or 4,096: the longest packet it holds is 256 bytes and `headroom` shorter.
    public var chunkSize = 2048
    /// Bytes left free in front of each received packet, beside the kernel's own 256.
    public var headroom = 0
    /// Entries of each of a port's rings, a power of two.
    public var ringSize = 2048
    /// Frames that each port's fill ring is kept stocked with; nil shares half of the memory evenly
    /// among two ports.
    public var fillDepth: Int?
    /// Most packets `receive` walks before it publishes and flushes.
    public var burst = 64
    /// Bytes that only `.critical` allocations can take.
    public var reserve = 0
    /// The flow groups; the first is `FlowGroup.shared`.
    public var groups = [FlowGroup.Configuration()]

    /// The defaults.
    public init() {}
  }
}

extension Engine.Configuration {
  /// Fill entries per port: half of the memory for receiving, so that the other half can be sent, held
  /// or wait to be completed.
  var effectiveFillDepth: Int {
    min(ringSize, fillDepth ?? memory / chunkSize / 4)
  }

  func validated() throws(XDPError) {
    func refuse(_ reason: String, _ remedy: String) -> XDPError {
      XDPError(.configuration, operation: "make an engine", reason: reason, remedy: remedy)
    }
    guard chunkSize == 2048 || chunkSize == 4096 else {
      throw refuse("a chunk of \(chunkSize) bytes is not possible", "choose 2048 or 4096")
    }
    guard ringSize > 0, ringSize.nonzeroBitCount == 1, ringSize <= 1 << 20 else {
      throw refuse(
        "a ring of \(ringSize) entries is not possible", "choose a power of two up to 1048576")
    }
    guard burst > 0, burst <= ringSize else {
      throw refuse(
        "a burst of \(burst) packets is not possible", "choose 1 to the ring size, \(ringSize)")
    }
    guard memory >= 2 * chunkSize else {
      throw refuse(
        "\(memory) bytes of memory hold fewer than two chunks of \(chunkSize)", "give it more memory")
    }
    if let fillDepth {
      guard fillDepth > 0, fillDepth <= ringSize, fillDepth <= memory / chunkSize else {
        throw refuse(
          "a fill depth of \(fillDepth) is not possible",
          "choose 1 to \(min(ringSize, memory / chunkSize))")
      }
    }
  }

  func makeAllocator() throws(XDPError) -> FrameAllocator {
    do {
      return try FrameAllocator(
        FrameAllocator.Configuration(
          byteCount: memory, chunkSize: chunkSize, reserve: reserve, groups: groups))
    } catch {
      throw XDPError(
        .configuration, operation: "make an engine", reason: "\(error)",
        remedy: "change the configuration")
    }
  }
}

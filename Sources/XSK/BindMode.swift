/// How packets get between the driver and packet memory.
public enum BindMode: String, Sendable, Hashable, CaseIterable {
  /// The NIC reads and writes packet memory itself (`XDP_ZEROCOPY`).
  case zeroCopy = "zero-copy"
  /// The driver runs the XDP program, the kernel copies (`XDP_COPY`).
  case copy
  /// The kernel runs the XDP program late, on a packet of its own, and copies.
  ///
  /// To the socket this is `XDP_COPY` like `copy`: the difference is how the program is attached.
  case generic
}

/// What else a socket is bound with.
public struct BindOptions: Sendable, Hashable {
  /// Whether packets may span several descriptors (`XDP_USE_SG`, Linux 6.6).
  public var usesMultiBuffer = false
  /// How long to try again while the queue is busy.
  ///
  /// The kernel frees a queue some 16 to 28 ms after its socket was closed, later while interfaces
  /// come and go (it waits for the same lock), and says so by no event.
  public var busyTimeout = Duration.seconds(3)

  /// One descriptor per packet; a busy queue is tried for three seconds.
  public init() {}
}

internal import FrameAllocator

/// Where every granule (64 bytes) of packet memory is.
///
/// The parts add up to the total.
public struct FrameLedger: Sendable, Hashable {
  /// Granules of all chunks.
  public var total = 0
  /// With the allocator; the reserve counts as free.
  public var free = 0
  /// With the kernel, to receive into.
  public var fill = 0
  /// On receive rings, or with the application as received.
  public var received = 0
  /// With the application, allocated or settled.
  public var held = 0
  /// With the kernel, to send.
  public var transmit = 0
  /// On completion rings: sent, and not yet taken back.
  public var completion = 0
  /// Whether the allocator's table and the rings' positions, kept independently, tell the same
  /// story.
  public var isConserved = true
}

/// What one engine of a shared memory knows of where frames are: see `Engine.ledger(with:)`.
public struct LedgerShare: Sendable {
  let allocator: FrameAllocator.Share
  /// Granules on receive rings, and on completion rings.
  var arrived = 0
  var completed = 0
  /// Frames that the rings say the application has, modulo 2^32.
  var tokens: UInt32 = 0
  /// What the engine's own books disagree on.
  var disagreement: String?

  init(allocator: FrameAllocator.Share) { self.allocator = allocator }
}

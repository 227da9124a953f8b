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

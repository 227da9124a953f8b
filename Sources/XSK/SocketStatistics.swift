/// The kernel's counters of one socket since it was bound (`XDP_STATISTICS`).
public struct SocketStatistics: Sendable, Hashable {
  /// Packets dropped on receive for want of a chunk or for their length (`rx_dropped`).
  public var receiveDropped: UInt64
  /// Fill addresses the kernel refused (`rx_invalid_descs`).
  public var receiveInvalid: UInt64
  /// Transmit descriptors the kernel refused (`tx_invalid_descs`).
  public var transmitInvalid: UInt64
  /// Packets dropped because the receive ring was full (`rx_ring_full`); 0 before Linux 5.9.
  public var receiveRingFull: UInt64
  /// How often the fill ring was found empty (`rx_fill_ring_empty_descs`); 0 before Linux 5.9.
  public var fillRingEmpty: UInt64
  /// How often the transmit ring was found empty (`tx_ring_empty_descs`); 0 before Linux 5.9.
  public var transmitRingEmpty: UInt64

  package init(
    receiveDropped: UInt64, receiveInvalid: UInt64, transmitInvalid: UInt64,
    receiveRingFull: UInt64, fillRingEmpty: UInt64, transmitRingEmpty: UInt64
  ) {
    self.receiveDropped = receiveDropped
    self.receiveInvalid = receiveInvalid
    self.transmitInvalid = transmitInvalid
    self.receiveRingFull = receiveRingFull
    self.fillRingEmpty = fillRingEmpty
    self.transmitRingEmpty = transmitRingEmpty
  }
}

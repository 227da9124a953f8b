/// The four rings of one socket, application's ends.
///
/// | ring       | who writes  | entry            | what it says                             |
/// |------------|-------------|------------------|------------------------------------------|
/// | fill       | application | `UInt64` address | put the next packet here                 |
/// | receive    | kernel      | `Descriptor`     | here is a packet                         |
/// | transmit   | application | `Descriptor`     | send this                                |
/// | completion | kernel      | `UInt64` address | sent (or refused); yours again           |
///
/// Each is single-producer, single-consumer: one thread owns the application's ends.
@frozen public struct QueueRings: ~Copyable {
  /// Addresses of chunks for the kernel to receive into (`XDP_UMEM_FILL_RING`).
  public var fill: ProducerRing<UInt64>
  /// Packets received (`XDP_RX_RING`).
  public var receive: ConsumerRing<Descriptor>
  /// Packets to send (`XDP_TX_RING`).
  public var transmit: ProducerRing<Descriptor>
  /// Frames the kernel has finished sending (`XDP_UMEM_COMPLETION_RING`).
  public var completion: ConsumerRing<UInt64>

  /// The four rings of one socket.
  public init(
    fill: consuming ProducerRing<UInt64>, receive: consuming ConsumerRing<Descriptor>,
    transmit: consuming ProducerRing<Descriptor>, completion: consuming ConsumerRing<UInt64>
  ) {
    self.fill = fill
    self.receive = receive
    self.transmit = transmit
    self.completion = completion
  }
}

/// One entry of the receive and transmit rings: where a packet (or one fragment of it) lies and how
/// long it is.
///
/// The layout is the kernel's `struct xdp_desc` (16 bytes); a test holds the two together.
@frozen public struct Descriptor: BitwiseCopyable, Sendable, Equatable {
  /// Offset of the first packet byte in the UMEM.
  ///
  /// In unaligned mode the chunk's base, with the
  /// distance from base to packet in the top 16 bits; `location` reads both forms.
  public var address: UInt64
  /// `byteCount` in the low half, `options` in the high half: one load, one store.
  ///
  /// A plain packet has no
  /// options, so its extent is its length.
  public var extent: UInt64

  /// A descriptor of `byteCount` bytes at `address`.
  @inlinable @inline(__always)
  public init(address: UInt64, byteCount: UInt32, options: UInt32 = 0) {
    self.address = address
    extent = UInt64(byteCount) | UInt64(options) &<< 32
  }

  /// A descriptor of `extent` bytes at `address`, without options: below 2^32.
  @inlinable @inline(__always)
  package init(address: UInt64, extent: UInt64) {
    self.address = address
    self.extent = extent
  }

  /// Bytes of the packet or fragment.
  @inlinable public var byteCount: UInt32 {
    @inline(__always) get { UInt32(truncatingIfNeeded: extent) }
  }

  /// `XDP_PKT_CONTD` (bit 0): the packet goes on in the next descriptor.
  @inlinable public var options: UInt32 {
    @inline(__always) get { UInt32(truncatingIfNeeded: extent &>> 32) }
  }

  /// Offset of the first packet byte in the UMEM, whichever form `address` has.
  @inlinable public var location: UInt64 {
    @inline(__always) get { (address & 0xFFFF_FFFF_FFFF) &+ (address &>> 48) }
  }

  /// The option that says that the packet goes on in the next descriptor (`XDP_PKT_CONTD`, Linux
  /// 6.6).
  public static let continuation: UInt32 = 1

  /// Whether the packet goes on in the next descriptor.
  @inlinable public var continues: Bool {
    @inline(__always) get { options & 1 != 0 }
  }
}

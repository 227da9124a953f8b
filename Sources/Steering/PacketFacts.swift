/// What the program found out about a packet that it gave to a socket: `struct facts` of
/// bpf/steer.h, the last bytes in front of the packet.
@frozen public struct PacketFacts: Sendable, Hashable, BitwiseCopyable {
  /// The rule that named the packet; 0 if none did.
  public var rule: UInt32
  /// The hash of its flow, the same for all packets of one.
  public var flowHash: UInt32
  /// The group that the rule steers to; 0 if it steers to none, or to several.
  public var group: UInt32
  /// `mark`, if the bytes are facts.
  @usableFromInline var magic: UInt32

  /// How many bytes they take.
  @inlinable public static var byteCount: Int { 16 }

  /// What tells facts from other bytes.
  @inlinable static var mark: UInt32 { 0x4D61_7274 }

  /// The facts in these bytes, which end where the packet begins; nil if they are none.
  @inlinable
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= PacketFacts.byteCount else { return nil }
    let first = bytes.byteCount - PacketFacts.byteCount
    // Four plain numbers, in bounds by the guard.
    self = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: first, as: PacketFacts.self)
    guard magic == PacketFacts.mark else { return nil }
  }
}

/// What an ARP packet asks or says.
@frozen public struct ARPOperation: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as it stands in the packet, in host byte order.
  public let rawValue: UInt16

  /// The operation with this number.
  @inlinable @inline(__always)
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The sender asks who has the target's IP address.
  @inlinable public static var request: ARPOperation { ARPOperation(rawValue: 1) }
  /// The sender has its IP address.
  @inlinable public static var reply: ARPOperation { ARPOperation(rawValue: 2) }
}

/// A received packet inside a forwarder's closure: its bytes, to read and rewrite in place.
///
/// It cannot be copied or outlive the closure. A jumbo packet lies in several fragments; `bytes` is
/// the first, which holds the headers.
@frozen public struct Packet: ~Copyable, ~Escapable {
  @usableFromInline var first: PacketBytes
  /// Bytes of the packet, all fragments together.
  public let byteCount: Int
  /// How many pieces of memory the packet lies in: 1, or more for a jumbo packet.
  public let fragmentCount: Int

  @inlinable @inline(__always) @_lifetime(copy first)
  init(_ first: consuming PacketBytes, byteCount: Int, fragmentCount: Int) {
    self.first = first
    self.byteCount = byteCount
    self.fragmentCount = fragmentCount
  }

  /// The bytes of the first fragment, to read.
  @inlinable public var bytes: RawSpan {
    @inline(__always) @_lifetime(borrow self) get { first.span }
  }

  /// The bytes of the first fragment, to read and write.
  @inlinable public var mutableBytes: MutableRawSpan {
    @inline(__always) @_lifetime(&self) mutating get { first.mutableSpan }
  }
}

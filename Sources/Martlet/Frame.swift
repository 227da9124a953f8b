/// A packet that the application owns: a linear token for the bytes, not the bytes themselves.
///
/// It cannot be copied, and every way to spend it (`send`, `release`, `settle`) consumes it, so a
/// frame cannot be sent twice or touched after it was given away: that does not compile. Forgetting
/// one does compile; debug builds trap then ("frame leaked"). It may be stored for as long as the
/// application likes, in a noncopyable container or an optional. Reading and writing goes through
/// the engine (`bytes(of:)`), so no view can outlive the frame or the memory. Holds no reference;
/// costs nothing.
@frozen public struct Frame: ~Copyable {
  /// Where the first packet byte lies in the UMEM.
  public let address: UInt64
  /// Bytes of the packet, all fragments together.
  @inlinable public var byteCount: Int {
    @inline(__always) get { Int(truncatingIfNeeded: count) }
  }
  @usableFromInline var count: UInt32
  @usableFromInline let origin: UInt16
  @usableFromInline let fragments: UInt16
  /// Which UMEM the address belongs to.
  @usableFromInline let memory: UInt

  @inlinable @inline(__always)
  init(address: UInt64, count: UInt32, origin: UInt16, fragments: UInt16, memory: UInt) {
    self.address = address
    self.count = count
    self.origin = origin
    self.fragments = fragments
    self.memory = memory
  }

  @inlinable @inline(__always)
  deinit {
    assertionFailure("frame leaked: send, release or settle every frame")
  }
}

extension Frame {
  /// How many pieces of memory the packet lies in: 1, or more for a jumbo packet.
  @inlinable public var fragmentCount: Int {
    @inline(__always) get { Int(truncatingIfNeeded: fragments) }
  }

  /// What is left of a frame when its token is spent.
  @frozen @usableFromInline struct Remains {
    @usableFromInline let address: UInt64
    @usableFromInline let count: UInt32
    @usableFromInline let origin: UInt16
    @usableFromInline let fragments: UInt16
    @inlinable @inline(__always)
    init(address: UInt64, count: UInt32, origin: UInt16, fragments: UInt16) {
      self.address = address
      self.count = count
      self.origin = origin
      self.fragments = fragments
    }
  }

  /// Ends the token; `memory` names the UMEM of the engine that takes the frame.
  @inlinable @inline(__always)
  consuming func spend(in memory: UInt) -> Remains {
    precondition(self.memory == memory, "this frame belongs to another engine's memory")
    let remains = Remains(address: address, count: count, origin: origin, fragments: fragments)
    discard self
    return remains
  }
}

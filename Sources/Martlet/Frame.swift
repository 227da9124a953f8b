public import FrameAllocator

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
    @inline(__always) get { Int(truncatingIfNeeded: extent) &+ further.byteCount }
  }
  /// Bytes of the first fragment.
  @usableFromInline var extent: UInt64
  /// What follows the first fragment: nothing, unless it is a jumbo packet.
  @usableFromInline let further: Further
  /// The slot it lies in, if it has one fragment.
  @usableFromInline let place: SlotMap.Place
  /// The port it came from; `ownOrigin` for what no port received.
  @usableFromInline let origin: UInt16
  /// Which UMEM the address belongs to.
  @usableFromInline let memory: UInt

  @inlinable @inline(__always)
  init(_ remains: Remains, memory: UInt) {
    address = remains.address
    extent = remains.extent
    further = remains.further
    place = remains.place
    origin = UInt16(truncatingIfNeeded: remains.origin)
    self.memory = memory
  }

  /// The number of no port, whose lane is always empty.
  @inlinable static var ownOrigin: Int {
    @inline(__always) get { 255 }
  }

  @inlinable @inline(__always)
  deinit {
    assertionFailure("frame leaked: send, release or settle every frame")
  }
}

extension Frame {
  /// How many pieces of memory the packet lies in: 1, or more for a jumbo packet.
  @inlinable public var fragmentCount: Int {
    @inline(__always) get { further.count &+ 1 }
  }

  /// The fragments of a packet behind its first one: how many, and how many bytes they have.
  @frozen @usableFromInline struct Further: BitwiseCopyable {
    /// The number above 24 bits of bytes: one comparison says that there are none.
    @usableFromInline let bits: UInt32

    @inlinable @inline(__always)
    init(count: Int, byteCount: Int) {
      bits = UInt32(truncatingIfNeeded: count &<< 24 | byteCount)
    }

    /// No further fragment.
    @inlinable static var none: Further {
      @inline(__always) get { Further(count: 0, byteCount: 0) }
    }

    @inlinable var isEmpty: Bool {
      @inline(__always) get { bits == 0 }
    }

    @inlinable var count: Int {
      @inline(__always) get { Int(truncatingIfNeeded: bits &>> 24) }
    }

    @inlinable var byteCount: Int {
      @inline(__always) get { Int(truncatingIfNeeded: bits & 0xFF_FFFF) }
    }
  }

  /// What a frame is without being a token: before it is made, and after it is spent.
  ///
  /// In whole words: where several ways lead to a frame, each part then has a register of its own.
  @frozen @usableFromInline struct Remains {
    @usableFromInline var address: UInt64
    /// Bytes of the first fragment.
    @usableFromInline var extent: UInt64
    @usableFromInline var place: SlotMap.Place
    @usableFromInline var origin: Int
    @usableFromInline var further: Further

    @inlinable @inline(__always)
    init(
      address: UInt64, extent: UInt64, place: SlotMap.Place, origin: Int, further: Further = .none
    ) {
      self.address = address
      self.extent = extent
      self.place = place
      self.origin = origin
      self.further = further
    }

    /// How many fragments the packet has.
    @inlinable var fragments: Int {
      @inline(__always) get { further.count &+ 1 }
    }
  }

  /// Ends the token; `memory` names the UMEM of the engine that takes the frame.
  @inlinable @inline(__always)
  consuming func spend(in memory: UInt) -> Remains {
    precondition(self.memory == memory, "this frame belongs to another engine's memory")
    let remains = Remains(
      address: address, extent: extent, place: place,
      origin: Int(truncatingIfNeeded: origin), further: further)
    discard self
    return remains
  }
}

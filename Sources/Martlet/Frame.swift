public import FrameAllocator

/// A packet that the application owns: a linear token for the bytes, not the bytes themselves.
///
/// It cannot be copied, and every way to spend it (`send`, `release`, `settle`) consumes it, so a
/// frame cannot be sent twice or touched after it was given away: that does not compile. Forgetting
/// one does compile; debug builds trap then ("frame leaked"). It may be stored for as long as the
/// application likes, in a noncopyable container or an optional. Reading and writing goes through
/// the engine (`bytes(of:)`), so no view can outlive the frame or the memory. Holds no reference;
/// costs nothing.
@frozen public struct Frame: ~Copyable, Sendable {
  /// Where the first packet byte lies in the UMEM.
  public let address: UInt64
  /// Bytes of the packet, all fragments together.
  @inlinable public var byteCount: Int {
    @inline(__always) get { Int(truncatingIfNeeded: extent) &+ layout.furtherBytes }
  }
  /// Bytes of the first fragment.
  @usableFromInline var extent: UInt64
  @usableFromInline let layout: Layout
  /// The slot it lies in, if it is one.
  @usableFromInline let place: SlotMap.Place
  /// The port it came from; `ownOrigin` for what no port received.
  @usableFromInline let origin: UInt16
  /// Which UMEM the address belongs to.
  @usableFromInline let memory: UInt
  /// What the steering program found out about the packet.
  @usableFromInline let lifted: PacketFacts

  @inlinable @inline(__always)
  init(_ remains: Remains, _ facts: PacketFacts = .absent, memory: UInt) {
    address = remains.address
    extent = remains.extent
    layout = remains.layout
    place = remains.place
    origin = UInt16(truncatingIfNeeded: remains.origin)
    self.memory = memory
    lifted = facts
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
    @inline(__always) get { layout.furtherFragments &+ 1 }
  }

  /// What the steering program found out about the packet, whatever became of its bytes since.
  ///
  /// Nil for what was not received, unless the configuration says `readsFacts`, and where the
  /// driver carries none (`PortReport.facts`).
  @inlinable public var facts: PacketFacts? { lifted.present }

  /// The rule that named the packet; nil if none did, and without facts.
  @inlinable public var rule: RuleID? { facts?.rule }

  /// The steering program's hash of the packet's flow; nil without facts.
  @inlinable public var flowHash: UInt32? { facts?.flowHash }

  /// When the steering program saw the packet, in nanoseconds of `CLOCK_MONOTONIC`; nil unless the
  /// configuration says `stampsPackets`.
  ///
  /// Not when it arrived: the driver's clock is not asked.
  @inlinable public var timestamp: UInt64? { facts?.timestamp }

  /// How a packet lies in memory: in a slot, in a packed frame, or in several fragments.
  @frozen @usableFromInline struct Layout: BitwiseCopyable, Equatable {
    /// For several fragments the number of those behind the first, above 24 bits of their bytes.
    @usableFromInline let bits: UInt32

    @inlinable @inline(__always)
    init(bits: UInt32) { self.bits = bits }

    /// One slot: one comparison tells it.
    @inlinable static var slot: Layout {
      @inline(__always) get { Layout(bits: 0) }
    }

    /// One packed frame.
    @inlinable static var packed: Layout {
      @inline(__always) get { Layout(bits: 1 << 31) }
    }

    /// A jumbo packet with `count` fragments of `byteCount` bytes behind the first one.
    init(furtherFragments count: Int, byteCount: Int) {
      bits = UInt32(truncatingIfNeeded: count << 24 | byteCount)
    }

    /// Most fragments of a packet: the kernel makes 18 at most.
    static var fragmentLimit: Int { 128 }

    @inlinable var furtherFragments: Int {
      @inline(__always) get { Int(truncatingIfNeeded: bits &>> 24 & 0x7F) }
    }

    @inlinable var furtherBytes: Int {
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
    @usableFromInline var layout: Layout

    @inlinable @inline(__always)
    init(
      address: UInt64, extent: UInt64, place: SlotMap.Place, origin: Int, layout: Layout = .slot
    ) {
      self.address = address
      self.extent = extent
      self.place = place
      self.origin = origin
      self.layout = layout
    }

    /// How many fragments the packet has.
    @inlinable var fragments: Int {
      @inline(__always) get { layout.furtherFragments &+ 1 }
    }
  }

  /// Ends the token; `memory` names the UMEM of the engine that takes the frame.
  @inlinable @inline(__always)
  consuming func spend(in memory: UInt) -> Remains {
    precondition(self.memory == memory, "this frame belongs to another engine's memory")
    let remains = Remains(
      address: address, extent: extent, place: place,
      origin: Int(truncatingIfNeeded: origin), layout: layout)
    discard self
    return remains
  }
}

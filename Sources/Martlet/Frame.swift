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

  /// The hash of the packet's flow, the steering program's or the driver's (`facts`); nil without
  /// facts.
  @inlinable public var flowHash: UInt32? { facts?.flowHash }

  /// When the steering program saw the packet, in nanoseconds of `CLOCK_MONOTONIC`; nil unless the
  /// configuration says `stampsPackets`.
  ///
  /// Not when it arrived, unless the driver was asked and knows it by a clock of its own
  /// (`PacketFacts.hasDriverTime`).
  @inlinable public var timestamp: UInt64? { facts?.timestamp }

  /// How a packet lies in memory: in which slot, in a packed frame, or in several fragments.
  ///
  /// One word, so that a loop has one register for it and asks its sign only.
  @frozen @usableFromInline struct Layout: BitwiseCopyable, Equatable {
    /// The slot's window, which is not negative; else the lowest number there is, and in it the
    /// number of fragments behind the first above 24 bits of their bytes.
    @usableFromInline let bits: Int

    @inlinable @inline(__always)
    init(bits: Int) { self.bits = bits }

    /// One slot.
    @inlinable @inline(__always)
    static func slot(_ place: SlotMap.Place) -> Layout {
      // The sign is clear; said once more, a loop that spends what it received does not ask.
      Layout(bits: place.window & .max)
    }

    /// One packed frame.
    @inlinable static var packed: Layout {
      @inline(__always) get { Layout(bits: .min) }
    }

    /// A jumbo packet with `count` fragments of `byteCount` bytes behind the first one.
    init(furtherFragments count: Int, byteCount: Int) {
      bits = .min | count << 24 | byteCount
    }

    /// Most fragments of a packet: the kernel makes 18 at most.
    static var fragmentLimit: Int { 128 }

    /// The slot, if it is one.
    @inlinable var slot: SlotMap.Place? {
      @inline(__always) get { bits < 0 ? nil : SlotMap.Place(window: bits) }
    }

    /// What it says of further fragments, which a slot has not.
    @inlinable var further: Int {
      @inline(__always) get { bits & bits &>> 63 }
    }

    @inlinable var furtherFragments: Int {
      @inline(__always) get { further &>> 24 & 0x7F }
    }

    @inlinable var furtherBytes: Int {
      @inline(__always) get { further & 0xFF_FFFF }
    }
  }

  /// What a frame is without being a token: before it is made, and after it is spent.
  ///
  /// In whole words: where several ways lead to a frame, each part then has a register of its own.
  @frozen @usableFromInline struct Remains {
    @usableFromInline var address: UInt64
    /// Bytes of the first fragment.
    @usableFromInline var extent: UInt64
    @usableFromInline var layout: Layout
    @usableFromInline var origin: Int

    @inlinable @inline(__always)
    init(address: UInt64, extent: UInt64, layout: Layout, origin: Int) {
      self.address = address
      self.extent = extent
      self.layout = layout
      self.origin = origin
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
      address: address, extent: extent, layout: layout,
      origin: Int(truncatingIfNeeded: origin))
    discard self
    return remains
  }
}

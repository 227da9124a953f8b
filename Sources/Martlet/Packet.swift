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
  /// The seal of the facts in front of the first fragment; 0 if none are.
  ///
  /// A word rather than the facts: of larger values the compiler keeps no part in a register.
  @usableFromInline let seal: UInt64

  @inlinable @inline(__always) @_lifetime(copy first)
  init(
    _ first: consuming PacketBytes, byteCount: Int, fragmentCount: Int,
    seal: UInt64
  ) {
    self.first = first
    self.byteCount = byteCount
    self.fragmentCount = fragmentCount
    self.seal = seal
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

extension Packet {
  /// What the steering program found out about the packet; nil unless the configuration says
  /// `readsFacts`, and where the driver carries none (`PortReport.facts`).
  @inlinable public var facts: PacketFacts? { seal == 0 ? nil : lift() }

  /// The rule that named the packet; nil if none did, and without facts.
  @inlinable public var rule: RuleID? { facts?.rule }

  /// The hash of the packet's flow, the steering program's or the driver's (`facts`); nil without
  /// facts.
  @inlinable public var flowHash: UInt32? { facts?.flowHash }

  /// When the steering program saw the packet, in nanoseconds of `CLOCK_MONOTONIC`, or when it
  /// arrived by the driver's clock (`facts`); nil unless the configuration says `stampsPackets`.
  @inlinable public var timestamp: UInt64? { facts?.timestamp }

  @usableFromInline func lift() -> PacketFacts? {
    PacketFacts(first.front(PacketFacts.byteCount), seal: seal)
  }
}

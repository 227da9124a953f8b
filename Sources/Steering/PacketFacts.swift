/// What the steering program found out about a packet that it gave to a socket, and wrote in front
/// of it: `struct facts` of bpf/steer.h, but for the seal.
///
/// They are the program's own, its hash and its clock, unless it was to ask the driver, which may
/// know others.
@frozen public struct PacketFacts: Sendable, Hashable, BitwiseCopyable {
  /// When the packet was seen: nanoseconds of `CLOCK_MONOTONIC` or of the driver's clock, 0 if
  /// nobody was to look.
  @usableFromInline package let time: UInt64
  /// 0: none.
  @usableFromInline package let ruleNumber: UInt32
  @usableFromInline package let hash: UInt32
  /// The number of the group that the rule steers to; 0 if it steers to none, or to several.
  public let group: UInt32
  /// What is the driver's, `enum sources` of bpf/steer.h; all ones if nobody found out anything.
  @usableFromInline package let sources: UInt32

  /// - Parameter sources: what of it is the driver's; only the lowest two bits count.
  @inlinable @inline(__always)
  package init(rule: UInt32, flowHash: UInt32, group: UInt32, time: UInt64, sources: UInt32 = 0) {
    self.init(rule, flowHash, group, time, sources & 3)
  }

  @inlinable @inline(__always)
  init(_ rule: UInt32, _ hash: UInt32, _ group: UInt32, _ time: UInt64, _ sources: UInt32) {
    self.time = time
    ruleNumber = rule
    self.hash = hash
    self.group = group
    self.sources = sources
  }

  /// The rule that named the packet; nil if none did.
  @inlinable public var rule: RuleID? {
    ruleNumber == 0 ? nil : RuleID(rawValue: ruleNumber)
  }

  /// The hash of its flow, the same for all packets of one: `FlowHash`, or the driver's.
  @inlinable public var flowHash: UInt32 { hash }

  /// When the program saw the packet, in nanoseconds of `CLOCK_MONOTONIC`, or when it arrived by
  /// the driver's clock; nil if nobody was asked to look at a clock.
  @inlinable public var timestamp: UInt64? { time == 0 ? nil : time }

  /// Whether `flowHash` is what the driver says (`bpf_xdp_metadata_rx_hash`).
  @inlinable public var hasDriverHash: Bool { sources & 1 != 0 }

  /// Whether `timestamp` is what the driver says (`bpf_xdp_metadata_rx_timestamp`).
  @inlinable public var hasDriverTime: Bool { sources & 2 != 0 }

  /// What is known of a packet without facts.
  @inlinable package static var absent: PacketFacts {
    @inline(__always) get { PacketFacts(0, 0, 0, 0, .max) }
  }

  /// These, unless they are `absent`.
  @inlinable package var present: PacketFacts? {
    @inline(__always) get { sources == .max ? nil : self }
  }
}

extension PacketFacts {
  /// How many bytes they take in front of a packet.
  package static var byteCount: Int { 32 }

  /// The facts in these bytes, which end where the packet begins; nil if they do not bear the seal.
  package init?(_ bytes: RawSpan, seal: UInt64) {
    guard bytes.byteCount >= PacketFacts.byteCount else { return nil }
    let first = bytes.byteCount - PacketFacts.byteCount
    func word(_ place: Int) -> UInt64 {
      // A plain number, in bounds by the guard.
      unsafe bytes.unsafeLoadUnaligned(fromByteOffset: first + 8 * place, as: UInt64.self)
    }
    guard word(0) == seal else { return nil }
    self.init(
      rule: UInt32(truncatingIfNeeded: word(2)),
      flowHash: UInt32(truncatingIfNeeded: word(2) >> 32),
      group: UInt32(truncatingIfNeeded: word(3)), time: word(1),
      sources: UInt32(truncatingIfNeeded: word(3) >> 32))
  }

  /// The words that the program would write.
  package func words(seal: UInt64) -> [UInt64] {
    [seal, time, UInt64(ruleNumber) | UInt64(hash) << 32, UInt64(group) | UInt64(sources) << 32]
  }
}

/// What the steering program found out about a packet that it gave to a socket, and wrote in front
/// of it: `struct facts` of bpf/steer.h, but for the seal.
///
/// They are the program's own: its hash, its clock. What a NIC may know of a packet - another hash,
/// another clock - only a program that is bound to that one device could read.
@frozen public struct PacketFacts: Sendable, Hashable, BitwiseCopyable {
  /// When the program saw the packet: nanoseconds of `CLOCK_MONOTONIC`, 0 if it was not to look.
  @usableFromInline package let time: UInt64
  /// 0: none.
  @usableFromInline package let ruleNumber: UInt32
  @usableFromInline package let hash: UInt32
  /// The number of the group that the rule steers to; 0 if it steers to none, or to several.
  public let group: UInt32
  /// Nobody found out anything about the packet.
  @usableFromInline package let areAbsent: UInt32

  @inlinable @inline(__always)
  package init(
    rule: UInt32, flowHash: UInt32, group: UInt32, time: UInt64, areAbsent: Bool = false
  ) {
    self.time = time
    ruleNumber = rule
    hash = flowHash
    self.group = group
    self.areAbsent = areAbsent ? 1 : 0
  }

  /// The rule that named the packet; nil if none did.
  @inlinable public var rule: RuleID? {
    ruleNumber == 0 ? nil : RuleID(rawValue: ruleNumber)
  }

  /// The hash of its flow, `FlowHash`: the same for all packets of one.
  @inlinable public var flowHash: UInt32 { hash }

  /// When the program saw the packet, in nanoseconds of `CLOCK_MONOTONIC`; nil if it was not asked
  /// to look at the clock.
  @inlinable public var timestamp: UInt64? { time == 0 ? nil : time }

  /// What is known of a packet without facts.
  @inlinable package static var absent: PacketFacts {
    @inline(__always) get {
      PacketFacts(rule: 0, flowHash: 0, group: 0, time: 0, areAbsent: true)
    }
  }

  /// These, unless they are `absent`.
  @inlinable package var present: PacketFacts? {
    @inline(__always) get { areAbsent == 0 ? self : nil }
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
      group: UInt32(truncatingIfNeeded: word(3)), time: word(1))
  }

  /// The words that the program would write.
  package func words(seal: UInt64) -> [UInt64] {
    [seal, time, UInt64(ruleNumber) | UInt64(hash) << 32, UInt64(group)]
  }
}

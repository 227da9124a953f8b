public import Wire

/// The hash by which the program chooses among several sockets: `flow_hash` of bpf/search.h.
public enum FlowHash {
  /// The hash of a flow's packets.
  ///
  /// Of addresses, protocol and ports; VLANs do not count.
  public static func of(_ key: FlowKey, _ kind: FlowHashKind = .directed) -> UInt32 {
    let from = end(key.source, key.sourcePort, isIPv4: key.isIPv4)
    var to = end(key.destination, key.destinationPort, isIPv4: key.isIPv4)
    if kind == .directed { to = to << 27 | to >> 37 }
    let both = KeyWords.finish(from) &+ KeyWords.finish(to) &+ UInt64(key.ipProtocol.rawValue)
    return UInt32(truncatingIfNeeded: KeyWords.finish(both) >> 32)
  }

  /// Which of so many sockets a hash chooses.
  public static func choice(_ hash: UInt32, among count: Int) -> Int {
    Int((UInt64(hash) * UInt64(count)) >> 32)
  }

  private static func end(_ address: IPv6Address, _ port: UInt16, isIPv4: Bool) -> UInt64 {
    let high =
      isIPv4
      ? UInt64(UInt32(truncatingIfNeeded: address.low).byteSwapped)
      : address.high.byteSwapped
    let low = isIPv4 ? 0 : address.low.byteSwapped
    return high &* 0x9E37_79B9_7F4A_7C15 &+ low &* 0xC2B2_AE3D_27D4_EB4F
      &+ UInt64(port.byteSwapped) &* 0x1656_67B1_9E37_79F9
  }
}

import CXDP
public import Wire

/// Which fields of a packet the NIC hashes (`RXH_...`), the same for all packets of a `FlowClass`.
public struct HashedFields: OptionSet, Sendable, Hashable, CustomStringConvertible {
  /// The kernel's bits.
  public let rawValue: UInt64

  /// The fields with these bits of the kernel's.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The source address (`RXH_IP_SRC`).
  public static var source: HashedFields { HashedFields(rawValue: 1 << 4) }
  /// The destination address (`RXH_IP_DST`).
  public static var destination: HashedFields { HashedFields(rawValue: 1 << 5) }
  /// The source port (`RXH_L4_B_0_1`).
  public static var sourcePort: HashedFields { HashedFields(rawValue: 1 << 6) }
  /// The destination port (`RXH_L4_B_2_3`).
  public static var destinationPort: HashedFields { HashedFields(rawValue: 1 << 7) }
  /// Both addresses.
  public static var addresses: HashedFields { [.source, .destination] }
  /// Both ports.
  public static var ports: HashedFields { [.sourcePort, .destinationPort] }

  /// Whether it is known where these fields stand in the hash's input.
  ///
  /// Not so with VLANs, MAC addresses and the like, which each driver puts elsewhere.
  var isComputable: Bool {
    !isEmpty && isSubset(of: [.addresses, .ports])
  }

  /// Such as "addresses and ports".
  public var description: String {
    if rawValue & 1 << 31 != 0 { return "nothing: it drops such packets" }
    let names: [(HashedFields, String)] = [
      (.source, "source"), (.destination, "destination"), (.sourcePort, "source port"),
      (.destinationPort, "destination port"),
    ]
    var words = names.filter { contains($0.0) }.map(\.1)
    if !subtracting([.addresses, .ports]).isEmpty { words.append("others") }
    return words.isEmpty ? "nothing" : words.joined(separator: ", ")
  }
}

/// Kinds of packets for which drivers choose the hashed fields separately.
public enum FlowClass: UInt32, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  // The kernel's numbers: TCP_V4_FLOW and so on.

  /// TCP over IPv4.
  case tcp4 = 1
  /// UDP over IPv4.
  case udp4 = 2
  /// TCP over IPv6.
  case tcp6 = 5
  /// UDP over IPv6.
  case udp6 = 6
  /// Every other IPv4 packet, fragments too.
  case other4 = 16
  /// Every other IPv6 packet, fragments too.
  case other6 = 17

  /// The class of a flow's packets, as long as they are no fragments.
  public init(of flow: FlowKey) {
    switch (flow.ipProtocol, flow.isIPv4) {
    case (.tcp, true): self = .tcp4
    case (.udp, true): self = .udp4
    case (.tcp, false): self = .tcp6
    case (.udp, false): self = .udp6
    case (_, true): self = .other4
    case (_, false): self = .other6
    }
  }

  /// Whether its packets have ports.
  public var hasPorts: Bool { self != .other4 && self != .other6 }

  /// Its name as ethtool says it, such as "udp4".
  public var description: String {
    switch self {
    case .tcp4: "tcp4"
    case .udp4: "udp4"
    case .tcp6: "tcp6"
    case .udp6: "udp6"
    case .other4: "ip4"
    case .other6: "ip6"
    }
  }
}

extension FlowKey {
  /// What the NIC hashes of this flow's packets: of `fields` the addresses, then the ports, each
  /// the source's first.
  public func hashInput(_ fields: HashedFields) -> [UInt8] {
    var input: [UInt8] = []
    if fields.contains(.source) { input += addressBytes(source) }
    if fields.contains(.destination) { input += addressBytes(destination) }
    if fields.contains(.sourcePort) { input += sourcePort.networkOrder }
    if fields.contains(.destinationPort) { input += destinationPort.networkOrder }
    return input
  }

  /// The address as it stands in the packet: 4 or 16 bytes.
  func addressBytes(_ address: IPv6Address) -> [UInt8] {
    let all = address.high.networkOrder + address.low.networkOrder
    return isIPv4 ? [UInt8](all.suffix(4)) : all
  }
}

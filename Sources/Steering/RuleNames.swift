import Wire

/// Names that stand for numbers in the text form.
enum RuleNames {
  /// EtherTypes behind `ether proto`.
  static let etherProtocols: [String: UInt16] = [
    "ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806, "lldp": 0x88CC, "mpls": 0x8847, "ptp": 0x88F7,
  ]
  /// Protocols that are a condition by their name alone.
  static let protocols: [UInt8: String] = [6: "tcp", 17: "udp", 132: "sctp"]
  /// Protocols behind `proto`.
  static let ipProtocols: [String: UInt8] = [
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58,
    "ospf": 89, "sctp": 132,
  ]
  static let flags: [(String, TCPFlags)] = [
    ("fin", .fin), ("syn", .syn), ("rst", .rst), ("psh", .psh), ("ack", .ack), ("urg", .urg),
    ("ece", .ece), ("cwr", .cwr),
  ]
}

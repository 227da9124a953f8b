/// What a rule may ask about.
public enum RuleField: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  // In the order in which the text form says them.
  case interface, queue, vlan
  case innerVLAN = "inner vlan"
  case sourceMAC = "ether src"
  case destinationMAC = "ether dst"
  case etherType = "ether proto"
  case version = "ip version"
  case source = "src net"
  case destination = "dst net"
  case ipProtocol = "proto"
  case sourcePort = "src port"
  case destinationPort = "dst port"
  case tcpFlags = "tcp flags"
  case fragment

  /// As the text form calls it.
  public var description: String { rawValue }
}

import XSK

/// A rule as the program reads it: `struct rule` of bpf/steer.h.
///
/// A packet matches if its key equals the value in every bit that the mask has. Both keys lie as
/// `struct packet_key`: what is known, IP version, protocol, zero, EtherType, destination port,
/// interface, queue, destination address. Packet fields are in network order, the two numbers in
/// the machine's.
struct RuleEntry {
  /// Bytes of `struct packet_key`.
  static let keySize = 32
  /// Bytes of `struct rule`.
  static let size = 2 * keySize + 8

  private var value = [UInt8](repeating: 0, count: keySize)
  private var mask = [UInt8](repeating: 0, count: keySize)
  private let action: Action

  /// The bits of `enum known`.
  private enum Known {
    static let etherType: UInt8 = 1
    static let ip: UInt8 = 2
    static let ipProtocol: UInt8 = 4
    static let ports: UInt8 = 8
    static let destination: UInt8 = 16
  }

  init(_ rule: Rule) {
    action = rule.action
    let match = rule.match
    if let etherType = match.etherType {
      ask(etherType.networkOrder, at: 4, known: Known.etherType)
    }
    if let version = match.ipVersion { ask([version], at: 1, known: Known.ip) }
    if let number = match.ipProtocol { ask([number], at: 2, known: Known.ipProtocol) }
    if let port = match.destinationPort { ask(port.networkOrder, at: 6, known: Known.ports) }
    if !match.destination.isEmpty { ask(match.destination, at: 16, known: Known.destination) }
    if let interface = rule.interface { ask(interface.index.machineOrder, at: 8) }
    if let queue = rule.queue {
      ask(UInt32(clamping: queue).machineOrder, at: 12)
    }
  }

  /// The entry's bytes for the map.
  var bytes: [UInt8] { value + mask + action.rawValue.machineOrder + [0, 0, 0, 0] }

  private mutating func ask(_ bytes: [UInt8], at offset: Int, known: UInt8 = 0) {
    value[0] |= known
    mask[0] |= known
    for (index, byte) in bytes.enumerated() {
      value[offset + index] = byte
      mask[offset + index] = 0xFF
    }
  }
}

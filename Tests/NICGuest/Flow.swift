import MartletTestKit
import Wire

/// A flow of datagrams from the other end of the cable, by its IP version and source port.
struct Flow {
  let isVersion6: Bool
  let port: UInt16

  init(isVersion6: Bool, port: UInt16) {
    self.isVersion6 = isVersion6
    self.port = port
  }

  /// Reads "4:5000" or "6:5000".
  init(_ name: String) throws {
    let parts = name.split(separator: ":")
    guard parts.count == 2, ["4", "6"].contains(parts[0]), let port = UInt16(parts[1]) else {
      throw Failure("\(name) is no flow such as 4:5000")
    }
    self.init(isVersion6: parts[0] == "6", port: port)
  }

  var name: String { "\(isVersion6 ? 6 : 4):\(port)" }

  /// The port that all flows go to.
  static let destinationPort: UInt16 = 4789

  var key: FlowKey {
    isVersion6
      ? FlowKey(
        source: Flow.host6, sourcePort: port, destination: Flow.guest6,
        destinationPort: Flow.destinationPort, ipProtocol: .udp)
      : FlowKey(
        source: Flow.host4, sourcePort: port, destination: Flow.guest4,
        destinationPort: Flow.destinationPort, ipProtocol: .udp)
  }

  /// One of its datagrams.
  func datagram(_ payload: [UInt8]) -> [UInt8] {
    var builder = PacketBuilder()
    builder.version = isVersion6 ? .v6 : .v4
    builder.source.mac = Flow.hostMAC
    builder.destination.mac = Flow.guestMAC
    builder.source.ipv4 = [10, 77, 0, 9]
    builder.destination.ipv4 = [10, 77, 0, 2]
    let network: [UInt8] = [0xFD, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    builder.source.ipv6 = network + [9]
    builder.destination.ipv6 = network + [2]
    builder.source.port = port
    builder.destination.port = Flow.destinationPort
    return builder.udp(payload: payload)
  }

  static let hostMAC: [UInt8] = [2, 0, 0, 0, 0, 9]
  static let guestMAC: [UInt8] = [2, 0, 0, 0, 0, 2]
  // 10.77.0.9 and fd77::9 are the other end, 2 is the NIC.
  static let host4 = IPv4Address(10, 77, 0, 9)
  static let guest4 = IPv4Address(10, 77, 0, 2)
  static let host6 = IPv6Address(high: 0xFD77 << 48, low: 9)
  static let guest6 = IPv6Address(high: 0xFD77 << 48, low: 2)
}

import Wire

/// A flow of datagrams from the host, by its IP version and source port.
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

  /// The guest's port that all flows go to.
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

  // 10.77.0.9 and fd77::9 are the host, 2 is the guest.
  static let host4 = IPv4Address(10, 77, 0, 9)
  static let guest4 = IPv4Address(10, 77, 0, 2)
  static let host6 = IPv6Address(high: 0xFD77 << 48, low: 9)
  static let guest6 = IPv6Address(high: 0xFD77 << 48, low: 2)
}

import MartletTestKit

/// Two hosts with the current namespace between them.
///
/// The interfaces are `client` - `left`, here, and `right` - `server`.
/// Nothing connects `left` and `right` but what a test puts there.
struct Crossing: Sendable {
  let client: NetworkNamespace
  let server: NetworkNamespace

  static let clientAddress = "10.1.1.1"
  static let serverAddress = "10.1.1.2"
  static let serverAddress6 = "fd00::2"

  init(ipv6: Bool = false) throws {
    let client = try NetworkNamespace(ipv6: ipv6)
    let server = try NetworkNamespace(ipv6: ipv6)
    _ = try VethPair("left", "client") {
      $0.farNamespace = client
      $0.farAddress = Crossing.clientAddress + "/24"
    }
    _ = try VethPair("right", "server") {
      $0.farNamespace = server
      $0.farAddress = Crossing.serverAddress + "/24"
    }
    if ipv6 {
      try client.run { try addAddress("fd00::1/64", to: "client") }
      try server.run { try addAddress("fd00::2/64", to: "server") }
    }
    self.client = client
    self.server = server
  }
}

/// Adds an IPv6 address that can be used at once.
private func addAddress(_ address: String, to interface: String) throws {
  try runProgram(["ip", "-6", "address", "add", address, "dev", interface, "nodad"])
}

import Martlet
import SystemPackage

/// What the latency row measures of Martlet: an echo of UDP by the front door's loop.
enum EchoRole {
  /// Answers all that is UDP over IPv4 on an interface, until SIGINT or SIGTERM.
  static func run(_ interface: String, spins: Bool, mode: ModeRequest) throws(XDPError) {
    var configuration = Engine.Configuration.transparent
    configuration.isSpinning = spins
    var forwarder = try Forwarder(interface, mode: mode, configuration: configuration)
    try forwarder.engine.stopOnSignals()
    progress("echoing on \(interface)")
    try forwarder.run { packet in
      // Turned round in place; the checksums stay right.
      guard var udp = packet.udp else { return .drop }
      udp.swapPorts()
      guard var ip = packet.ipv4 else { return .drop }
      ip.swapAddresses()
      packet.swapAddresses()
      return .forward
    }
  }
}

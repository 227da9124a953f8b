internal import BasicContainers

/// Bound sockets on one rung of the mode ladder, for engines to take.
struct OpenSockets: ~Copyable {
  var sockets: RigidArray<Socket>
  let rung: BindMode
  let reason: String
}

/// A bound socket that is to become a port.
struct SocketPlace {
  let interface: Interface
  let queue: Int
  let descriptor: Int32
  /// The port's number.
  let port: Int
  /// Whose pages it will receive into.
  let group: FlowGroup
}

extension EngineControl {
  /// Makes what every bound port needs: the link monitor.
  mutating func prepare() throws(XDPError) {
    guard links == nil else { return }
    links = try LinkMonitor()
    if let descriptor = links?.fileDescriptor {
      wakes.replace(at: Self.linkPlace, with: descriptor)
    }
  }

  /// Takes up the heartbeat as it is now, and beats.
  mutating func renewHeart() throws(XDPError) {
    let worker = steering.worker
    takeHeart(
      try steering.shared.with { state throws(XDPError) in try state.heart(of: worker) })
  }

  /// Lets a heart beat from here on, and begins.
  mutating func takeHeart(_ found: (heart: Heart, limit: Duration)?) {
    heart = found?.heart
    longestSleep = found.map { $0.limit / 2 }
    heart?.beat()
  }
}

import Martlet

/// Says on standard error when an interface goes down and when it is back.
struct LinkNotes {
  private struct Link {
    let port: Port
    let interface: String
    var state = LinkState.up
  }

  /// One port of each interface.
  private var links: [Link] = []

  init(of engine: borrowing Engine) {
    for port in engine.allPorts {
      let interface = engine.report(of: port).interface
      guard !links.contains(where: { $0.interface == interface }) else { continue }
      links.append(Link(port: port, interface: interface))
    }
  }

  /// Looks for changes; without one it costs a comparison per interface.
  mutating func update(from engine: borrowing Engine) {
    for index in links.indices {
      let state = engine.linkState(of: links[index].port)
      guard state != links[index].state else { continue }
      links[index].state = state
      switch state {
      case .down: Terminal.note("\(links[index].interface) is down, waiting until it is up again")
      case .up: Terminal.note("\(links[index].interface) is up again")
      case .gone: break
      }
    }
  }
}

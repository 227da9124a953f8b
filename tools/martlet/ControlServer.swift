import Martlet

/// Answers `martlet rules` about the interfaces of a running engine, between its bursts.
///
/// A class, as the sockets vanish when it is let go: before the engine is.
final class ControlServer {
  /// Where processes ask about one interface.
  private final class Place {
    let listener: PeerListener
    let ports: [Port]

    init(_ interface: Interface, _ ports: [Port]) throws(XDPError) {
      listener = try ControlAddress.listen(for: interface)
      self.ports = ports
    }
  }

  /// A process that asks.
  private final class Caller {
    let ports: [Port]
    let since = ContinuousClock.now
    var channel: TextChannel
    /// Whether it was answered: what is left is to send all of it.
    var isAnswered = false

    init(_ ports: [Port], _ socket: consuming PeerSocket) {
      self.ports = ports
      channel = TextChannel(socket)
    }
  }

  private let desk: RuleDesk
  private let places: [Place]
  private let sockets: PeerSet
  private var callers: [Caller] = []

  private static let callerLimit = 16
  /// How long a caller may say nothing, or not read what it is told, while others want its place.
  private static let patience = Duration.seconds(5)

  /// Opens a socket for each interface of the engine, and lets it look at them.
  init(for engine: inout Engine, restRule: RuleID?) throws(XDPError) {
    desk = RuleDesk(restRule: restRule)
    var ports: [(interface: String, ports: [Port])] = []
    for (port, queue) in engine.sharedPorts {
      let interface = queue.interface
      let index = ports.firstIndex { $0.interface == interface } ?? ports.endIndex
      if index == ports.endIndex { ports.append((interface, [])) }
      ports[index].ports.append(port)
    }
    var places: [Place] = []
    let sockets = try PeerSet()
    for (name, ports) in ports {
      let place = try Place(try Interface(named: name), ports)
      try sockets.add(place.listener, number: places.count)
      places.append(place)
    }
    self.places = places
    self.sockets = sockets
    engine.watch(self.sockets.fileDescriptor)
  }

  /// Whether an answer waits for room, which has no event: it is tried again after a millisecond.
  var isBusy: Bool { callers.contains { $0.channel.isSending } }

  /// Answers those who ask.
  func serve(_ engine: inout Engine) {
    for number in sockets.ready() where number < places.count { accept(number) }
    for caller in callers {
      if !answer(caller, &engine) { forget(caller) }
    }
  }

  private func accept(_ number: Int) {
    let place = places[number]
    guard let socket = try? place.listener.accept(timeout: .zero) else { return }
    let isTrusted = ControlAddress.isTrusted(socket)
    if isTrusted, callers.count == Self.callerLimit,
      let first = callers.first, first.since.duration(to: .now) > Self.patience
    {
      forget(first)
    }
    guard isTrusted, callers.count < Self.callerLimit else {
      var channel = TextChannel(socket)
      channel.send(
        RuleAnswer.failure(
          isTrusted
            ? "ask about the rules: too many ask at once; try again"
            : "ask about the rules: not permitted, the process is another user's; run as root"
        ).text)
      return
    }
    let caller = Caller(place.ports, socket)
    // All callers have one number: each of them is looked at.
    guard (try? sockets.add(caller.channel.socket, number: places.count)) != nil else { return }
    callers.append(caller)
  }

  /// Goes on with a caller; false if nothing is left to do for it.
  private func answer(_ caller: Caller, _ engine: inout Engine) -> Bool {
    caller.channel.flush()
    switch caller.channel.receive() {
    case .end: return false
    case .nothing: break
    case .text(let text):
      guard !caller.isAnswered else { return false }
      // Who gave up waiting has said that nothing was done.
      if case .end = caller.channel.receive() { return false }
      caller.isAnswered = true
      caller.channel.send(desk.answer(text, at: caller.ports, of: &engine).text)
    }
    return !caller.isAnswered || caller.channel.isSending
  }

  private func forget(_ caller: Caller) {
    sockets.remove(caller.channel.socket)
    callers.removeAll { $0 === caller }
  }
}

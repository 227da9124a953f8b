import Martlet

/// Makes UDP packets and sends them, at a rate or as fast as it goes.
struct Generator: ~Copyable, Worker {
  var engine: Engine
  let directions: [Direction]
  private let ports: [Port]
  private let datagram: Datagram
  private let flows: Int
  /// Packets per second, 0 for no limit.
  private let rate: Double
  private let limit: Int
  private var count = 0
  private var start: Duration?
  /// Whether the last turn ended for want of a frame or of room on the ring.
  private var isFull = false

  /// Most packets made in one turn.
  private static let burst = 64
  /// Packets of a rate are made together for so long, so that a turn is worth waking up for.
  private static let shortestPause = Duration.microseconds(200)
  /// How long a driver may be without its cable after a program was attached.
  private static let longestReset = Duration.seconds(5)
  /// Frames come home without an event: when to look again.
  private static let retryPause = Duration.milliseconds(1)

  init(_ command: GenerateCommand, configuration: Engine.Configuration) throws(XDPError) {
    let interface = try Interface(named: command.interface)
    let mtu = try interface.mtu()
    var configuration = configuration
    // All frames are for sending; a port's fill ring has at least one.
    configuration.fillDepth = 1
    let most = min(mtu + 14, configuration.chunkSize)
    guard command.size <= most else {
      throw XDPError(
        .packetTooLong, operation: "generate on \(interface.name)",
        reason: "its MTU is \(mtu) and a chunk holds \(configuration.chunkSize)",
        remedy: "choose a --size of at most \(most)")
    }
    var engine = try Engine(configuration)
    let bound = try engine.bind(
      try command.options.queue.names(of: command.interface), mode: command.options.mode)
    // What is sent while a driver begins anew stays behind when the program ends.
    let end = ContinuousClock.now + Self.longestReset
    while !interface.hasCarrier, ContinuousClock.now < end,
      try engine.wait(timeout: Self.retryPause)
    {}
    ports = bound
    let own = interface.hardwareAddress.map { bytes in
      MACAddress(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
    datagram = Datagram(
      byteCount: command.size, sourceMAC: command.sourceMac ?? own ?? MACAddress(rawValue: 0),
      destinationMAC: command.destinationMac, source: command.sourceIp,
      destination: command.destinationIp, sourcePort: command.sourcePort,
      destinationPort: command.destinationPort)
    flows = command.flows
    rate = Double(command.rate)
    limit = command.count ?? .max
    directions = [Direction(label: command.interface, destination: command.interface)]
    self.engine = engine
  }

  /// What arrives is the kernel's.
  var restRule: RuleID? { nil }

  var isDone: Bool { count >= limit }

  var isTimed: Bool { true }

  func pause(at now: Duration) -> Duration? {
    if isFull { return Self.retryPause }
    guard rate > 0, let start else { return .zero }
    let next = start + .seconds(Double(count + 1) / rate)
    return max(Self.shortestPause, next - now)
  }

  mutating func turn(at now: Duration) -> Bool {
    let end = min(limit, due(at: now), count + Self.burst)
    isFull = false
    while count < end {
      let flow = count % flows
      let port = ports[flow % ports.count]
      guard engine.sendRoom(of: port) > 0,
        var frame = engine.allocate(byteCount: datagram.byteCount)
      else {
        isFull = true
        return false
      }
      datagram.write(flow: flow, to: &frame, of: engine)
      engine.send(frame, to: port)
      count += 1
    }
    return false
  }

  mutating func finish() {}

  /// How many packets should have been sent by now.
  private mutating func due(at now: Duration) -> Int {
    guard rate > 0 else { return .max }
    let start = start ?? now
    self.start = start
    return Int((now - start) / .seconds(1) * rate) + 1
  }
}

/// The engine's control plane: what is set up once and looked at when something changes.
struct EngineControl: ~Copyable {
  /// What steers packets to the sockets, for all engines of the memory.
  let steering: SteeringMember
  /// The engine's own, while there is a heartbeat.
  var heart: Heart?
  /// Sees whether packets come with facts; nil until a port is bound by an engine that reads them.
  var witness: FactsWitness?
  /// Nil for an engine over memory that no kernel knows.
  let umem: UMEM?
  let configuration: Engine.Configuration
  let stop: StopSignal
  /// Says that some interface changed; nil until a port is bound.
  var links: LinkMonitor?
  var poller: Poller
  /// Per port: what was bound and how.
  var bindings = PortTable<PortBinding>(first: 0, capacity: 0)
  /// What a driver said to unaligned chunks when aligned ones were taken in their stead.
  var alignmentFallback: String?
  /// The longest that `wait` may sleep, so that the heart beats in time; nil without a heartbeat.
  var longestSleep: Duration?
  /// Whether the last `wait` found something to read where the application asked it to look.
  var isGuestReady = false
  /// Calls of `wait` that did not look at the file descriptors.
  var skippedPolls = 0

  /// SIGINT and SIGTERM, once the application asked for them to stop the engine.
  ///
  /// Last, so that a second Ctrl-C does not interrupt the undoing of the rest.
  var signals: SignalWatch?

  static let stopPlace = 0
  static let linkPlace = 1
  static let signalPlace = 2
  static let peerPlace = 3
  static let guestPlace = 4
  static let bellPlace = 5
  static let firstPortPlace = 6

  init(
    umem: UMEM?, configuration: Engine.Configuration, steering: SharedSteering = SharedSteering(),
    worker: Int = 0
  ) throws(XDPError) {
    let member = try SteeringMember(of: steering, worker: worker)
    let stop = try StopSignal()
    var poller = Poller(capacity: Engine.portLimit + Self.firstPortPlace)
    poller.add(stop.fileDescriptor)
    for _ in 1..<Self.firstPortPlace { poller.add(-1) }
    poller.replace(at: Self.bellPlace, with: member.doorbell.fileDescriptor)
    self.steering = member
    self.umem = umem
    self.configuration = configuration
    self.stop = stop
    self.poller = poller
  }
}

/// What one port is bound to, and what became of it.
struct PortBinding {
  var interface: Interface
  var queue: Int
  var mode: BindMode
  /// Why the port stands on this rung, or why it stands on no higher one.
  var reason: String
  var attachment: Attachment?
  /// What the driver announced.
  var capabilities: DriverCapabilities?
  var state = LinkState.up
}

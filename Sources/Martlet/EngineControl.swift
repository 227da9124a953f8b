/// The engine's control plane: what is set up once and looked at when something changes.
struct EngineControl: ~Copyable {
  /// The program that steers packets to the sockets; nil until a port is bound.
  var steering: SteeringProgram?
  /// Which flows have queues of their own; put back once no program is attached any more.
  var queues = QueueList()
  /// Nil for an engine over memory that no kernel knows.
  let umem: UMEM?
  let configuration: Engine.Configuration
  let stop: StopSignal
  /// Says that some interface changed; nil until a port is bound.
  var links: LinkMonitor?
  var poller: Poller
  /// Per port: what was bound and how.
  var bindings = PortTable<PortBinding>(first: 0, capacity: 0)
  /// Per interface: what was changed for transparency, to be undone at the end.
  var transparency: TransparencyList
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
  static let firstPortPlace = 5

  init(umem: UMEM?, configuration: Engine.Configuration) throws(XDPError) {
    let stop = try StopSignal()
    var poller = Poller(capacity: Engine.portLimit + Self.firstPortPlace)
    poller.add(stop.fileDescriptor)
    for _ in 1..<Self.firstPortPlace { poller.add(-1) }
    self.umem = umem
    self.configuration = configuration
    self.stop = stop
    self.poller = poller
    transparency = TransparencyList()
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
  var state = LinkState.up
}

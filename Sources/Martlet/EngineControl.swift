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
  /// What wakes `wait`: packets at the ports, and what has a place here.
  var wakes: WakeSet
  /// The ports whose sockets are not in that set: they are new, or have sent since it was last
  /// slept on.
  var unawaited = PortSet()
  /// The ports in zero copy, whose drivers may sleep when the engine does.
  var zeroCopyPorts = PortSet()
  /// Per port: what was bound and how.
  var bindings = PortTable<PortBinding>(first: 0, capacity: 0)
  /// The queues whose interrupts are deferred, because ports poll them.
  var deferrals = DeferralList()
  /// What a driver said to unaligned chunks when aligned ones were taken in their stead.
  var alignmentFallback: String?
  /// The longest that `wait` may sleep, so that the heart beats in time; nil without a heartbeat.
  var longestSleep: Duration?
  /// Whether an interface may have changed that was not looked at since.
  var mustCheckLinks = false
  /// Whether the last `wait` found something to read where the application asked it to look.
  var isGuestReady = false
  /// Calls of `wait` that looked neither at the file descriptors nor at the clock.
  var skippedPolls = 0
  /// When the file descriptors have their turn while packets never cease, or in spin mode.
  ///
  /// One element behind a pointer: an instant's layout is not known when this is compiled, and an
  /// engine that stores one is slower everywhere.
  private var nextPoll = [ContinuousClock.now]

  /// SIGINT, SIGTERM and SIGHUP, once the application asked for them to stop the engine.
  ///
  /// Last, so that a second Ctrl-C does not interrupt the undoing of the rest.
  var signals: SignalWatch?

  static let stopPlace = 0
  static let linkPlace = 1
  static let signalPlace = 2
  static let peerPlace = 3
  static let guestPlace = 4
  static let bellPlace = 5
  private static let placeCount = 6

  init(
    umem: UMEM?, configuration: Engine.Configuration, steering: SharedSteering = SharedSteering(),
    worker: Int = 0
  ) throws(XDPError) {
    let member = try SteeringMember(of: steering, worker: worker)
    let stop = try StopSignal()
    var wakes = try WakeSet(count: Self.placeCount)
    wakes.replace(at: Self.stopPlace, with: stop.fileDescriptor)
    wakes.replace(at: Self.bellPlace, with: member.doorbell.fileDescriptor)
    self.steering = member
    self.umem = umem
    self.configuration = configuration
    self.stop = stop
    self.wakes = wakes
  }
}

extension EngineControl {
  /// Whether a millisecond has passed since this was last true.
  ///
  /// Looking at the clock costs a twentieth of looking at the file descriptors.
  var isPollDue: Bool {
    mutating get {
      skippedPolls = 0
      let now = ContinuousClock.now
      guard now >= nextPoll[0] else { return false }
      nextPoll[0] = now + .milliseconds(1)
      return true
    }
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
  var polling = PortPolling.off
  /// Whether the kernel may still say what part of the driver could be polled.
  var mayBeNamed = true
}

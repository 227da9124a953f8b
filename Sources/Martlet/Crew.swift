internal import BasicContainers

/// Forwarders over one memory, for a thread each: every queue is one's, which alone touches its
/// rings.
///
/// ```swift
/// var crew = try Crew("eth0", "eth1")
/// try crew.run { forwarder in
///   try forwarder.run { packet in .forward }
/// }
/// print(crew.report().frames)
/// ```
///
/// Queue `q` of one side and queue `q` of the other have the same worker, so that nothing crosses
/// between threads; where one side has fewer queues, `q` modulo their number. All workers have the
/// same rules, groups and heartbeat (`SharedMemory`): what one changes holds for all.
public struct Crew: ~Copyable {
  /// The worker that the calling thread is to run.
  public var first: Forwarder
  /// Those that have threads of their own.
  let mates: [Mate]
  /// The mates' threads, while they run.
  private var threads: RigidArray<WorkerThread>
  /// What ended the first worker that threw.
  private let trouble: Trouble
  /// Every port, in the order of the interfaces and of their queues.
  let ports: [Port]
  private let processors: [Processor]

  /// Workers, with the calling thread's.
  public var count: Int { mates.count + 1 }

  /// Binds the queues of `left` and `right`, or of `left` alone to send back out of it, as
  /// `Forwarder` does, and deals them out to workers.
  ///
  /// There are `workers` of them, but no more than pairs of queues. Nil means as many as there are
  /// `processors`, or if none are named, as many as the calling thread may run on. Worker `n` runs
  /// on the `n`th of `processors` alone, and begins anew where there are fewer. Throws an error
  /// that says what to do; then nothing is left behind.
  public init(
    _ left: String, _ right: String? = nil, queues: Forwarder.Queues = .all,
    mode: ModeRequest = .auto, leavingToKernel: [Match] = [], rules: [Rule] = [],
    workers: Int? = nil, processors: [Processor] = [],
    configuration: Engine.Configuration = .transparent
  ) throws(XDPError) {
    let duty = try Duty(
      left, right, queues: queues,
      workers: workers ?? (processors.isEmpty ? Processor.available : processors).count)
    var configuration = configuration
    if configuration.fillDepth == nil {
      // No port follows these, which an engine by itself cannot know.
      configuration.fillDepth = configuration.fillShare(among: duty.queueCount)
    }
    var engines = RigidArray<Engine>(capacity: duty.workerCount)
    if duty.workerCount == 1 {
      engines.append(try Engine(configuration))
    } else {
      let memory = try SharedMemory(configuration, workers: duty.workerCount)
      for _ in 0..<duty.workerCount { engines.append(try Engine(sharing: memory)) }
    }
    let bound = try duty.bind(&engines, mode: mode)
    let restRule = try engines[0].takeRest(leavingToKernel: leavingToKernel, rules: rules)
    let trouble = Trouble()
    var mates: [Mate] = []
    while engines.count > 1 {
      let number = engines.count - 1
      let (left, right) = bound[number]
      let forwarder = Forwarder(engines.removeLast(), from: left, to: right, restRule: restRule)
      mates.insert(Mate(forwarder, number: number, trouble: trouble), at: 0)
    }
    first = Forwarder(
      engines.removeLast(), from: bound[0].left, to: bound[0].right, restRule: restRule)
    self.mates = mates
    self.trouble = trouble
    threads = RigidArray(capacity: mates.count)
    ports = duty.inOrder(bound)
    self.processors = processors
  }

  deinit {
    // The threads' end is waited for.
    for mate in mates { mate.stop.request() }
  }

  /// Runs every worker's `work` until one returns, throws or is stopped; then all are.
  ///
  /// The calling thread runs the first worker, stays on its processor, and takes SIGINT and SIGTERM
  /// as a stop. Throws what the first that threw did. A crew that was stopped stays so.
  public mutating func run(
    _ work: @escaping @Sendable (inout Forwarder) throws(XDPError) -> Void
  ) throws(XDPError) {
    // Before the threads start, so that a signal goes to none of them.
    try first.engine.stopOnSignals()
    try start(work)
    do throws(XDPError) {
      try work(&first)
    } catch {
      trouble.note(error)
    }
    stop()
    first.engine.drain(timeout: Mate.drainTime)
    try join()
  }

  /// Starts the threads of all workers but the first, which is the caller's to run.
  ///
  /// When one of them ends, all are stopped, and so is the first. Pins the calling thread too, if
  /// processors were named. Traps if they run already.
  public mutating func start(
    _ work: @escaping @Sendable (inout Forwarder) throws(XDPError) -> Void
  ) throws(XDPError) {
    precondition(threads.isEmpty, "the crew is at work already")
    if let own = processors.first { try own.pinThread() }
    let stops = [first.engine.stopSignal] + mates.map(\.stop)
    do throws(XDPError) {
      for mate in mates {
        let processor = processors.isEmpty ? nil : processors[mate.number % processors.count]
        threads.append(
          try WorkerThread {
            mate.run(work, on: processor)
            for stop in stops { stop.request() }
          })
      }
    } catch {
      stop()
      threads.removeAll()
      throw error
    }
  }

  /// Asks all workers to stop; returns at once.
  public func stop() {
    first.engine.stop()
    for mate in mates { mate.stop.request() }
  }

  /// Stops the threads and waits for them, and for what they sent to be on its way.
  ///
  /// Throws what the first of them that threw did.
  public mutating func join() throws(XDPError) {
    for mate in mates { mate.stop.request() }
    // Letting go of a thread waits for it.
    threads.removeAll()
    if let failure = trouble.first { throw failure }
  }
}

/// What the engines of one memory have in common of their interfaces: the steering program with its
/// rules, which flows have queues of their own, and what was changed for transparency.
///
/// One engine has one for itself. Everything here is control plane: what a packet needs lies in the
/// kernel or with the engine.
struct SteeringState: ~Copyable {
  // In the order in which they go: queues are put back once no program is attached any more.
  /// Nil until a port is bound, and when the last one has gone.
  private(set) var program: SteeringProgram?
  var queues = QueueList()
  private var transparency = TransparencyList()
  /// The ports of all engines, by number; those in memory are not among them.
  private(set) var seats: [Int: Seat] = [:]
  /// How to wake each engine.
  private var doorbells: [Int: Doorbell] = [:]
  /// After how long without a beat a worker's packets go to the kernel.
  private(set) var heartbeat: Duration?

  /// A port, whose it is, and what became of it.
  struct Seat {
    let worker: Int
    let interface: Interface
    let queue: Int
    let group: FlowGroup
    let mode: BindMode
    /// Why it stands on this rung.
    let reason: String
    var isGone = false
  }

  /// An engine begins; other engines wake it by the bell.
  mutating func enter(_ worker: Int, _ doorbell: Doorbell) { doorbells[worker] = doorbell }

  /// An engine ends: its sockets are steered to no more, and what it was the last to use is put
  /// back.
  mutating func leave(_ worker: Int) {
    doorbells[worker] = nil
    let mine = seats.filter { $0.value.worker == worker }
    for number in mine.keys {
      seats[number] = nil
      queues.depart(number)
    }
    guard !seats.isEmpty else {
      program = nil
      queues = QueueList()
      transparency.keep(0)
      heartbeat = nil
      return
    }
    for seat in mine.values where !seat.isGone {
      try? program?.unregister(interface: seat.interface, queue: seat.queue)
    }
    for interface in Set(mine.values.map(\.interface)) where isUnused(interface) {
      program?.detach(from: interface)
      queues.remove(interface)
      transparency.remove(interface)
    }
  }

  private func isUnused(_ interface: Interface) -> Bool {
    !seats.values.contains { !$0.isGone && $0.interface == interface }
  }

  /// An interface is no longer there.
  mutating func vanish(_ interface: Interface) {
    for (number, seat) in seats where seat.interface == interface { seats[number]?.isGone = true }
    // Its place among the steered interfaces is free for the one that comes in its stead.
    program?.detach(from: interface)
  }

  /// The program, to use; throws if no interface is bound.
  mutating func withProgram<R>(
    _ operation: String, _ body: (inout SteeringProgram) throws(XDPError) -> R
  ) throws(XDPError) -> R {
    guard var program = program.take() else {
      throw XDPError(
        .configuration, operation: operation, reason: "no interface is bound",
        remedy: "bind a port first")
    }
    let result: Result<R, XDPError>
    do throws(XDPError) {
      result = .success(try body(&program))
    } catch {
      result = .failure(error)
    }
    self.program = consume program
    return try result.get()
  }

  /// The heart that a worker has to let beat, and within which limit; nil without a heartbeat.
  mutating func heart(of worker: Int) throws(XDPError) -> (heart: Heart, limit: Duration)? {
    guard let heartbeat, program != nil else { return nil }
    let heart = try withProgram("beat") { program throws(XDPError) in
      try program.heart(of: worker)
    }
    return (heart, heartbeat)
  }

  /// Sets the heartbeat, and wakes who may sleep for too long.
  mutating func setHeartbeat(_ limit: Duration?) throws(XDPError) {
    try withProgram("set a heartbeat") { program throws(XDPError) in
      try program.setHeartbeat(limit)
    }
    heartbeat = limit
    for doorbell in doorbells.values { doorbell.ring() }
  }
}

extension SteeringState {
  /// Whether ports on `rung` can share the memory with those that are bound - zero-copy and copying
  /// sockets cannot - and the program of an interface that is attached already.
  func permits(_ rung: BindMode, on interfaces: [Interface]) -> Bool {
    seats.values.allSatisfy { seat in
      seat.isGone
        || (seat.mode == .zeroCopy) == (rung == .zeroCopy)
          && (!interfaces.contains(seat.interface)
            || (seat.mode == .generic) == (rung == .generic))
    }
  }

  /// How pure what the ports of a group receive is, of all engines; nil if it has none.
  func placement(of group: FlowGroup) -> Placement? {
    let placements = seats.filter { !$0.value.isGone && $0.value.group == group }.map {
      number, seat in
      Placement.weakest(of: queues.placements(of: number))
        ?? .steered(
          .bucket,
          reason: "queue \(seat.queue) of \(seat.interface.name) is its own, and gets whatever"
            + " the interface puts there: no flow was given the queue")
    }
    return Placement.weakest(of: placements)
  }

  /// Why the ports that are bound to one of `interfaces` stand on a rung; nil if there are none.
  func reason(for rung: BindMode, on interfaces: [Interface]) -> String? {
    seats.sorted { $0.key < $1.key }.first { _, seat in
      !seat.isGone && seat.mode == rung && interfaces.contains(seat.interface)
    }?.value.reason
  }

  /// Where a port stands; throws if it is in memory.
  func seat(of port: Port, _ operation: String) throws(XDPError) -> Seat {
    if let seat = seats[port.index] { return seat }
    throw XDPError(
      .configuration, operation: operation, reason: "the port is in memory",
      remedy: "bind a queue of an interface")
  }

  /// Throws if a queue is some engine's already: one alone may touch its fill and completion rings.
  func checkFree(_ interface: Interface, queue: Int, worker: Int) throws(XDPError) {
    let holder = seats.first { _, seat in
      !seat.isGone && seat.interface == interface && seat.queue == queue
    }
    guard let (port, seat) = holder else { return }
    let isOwn = seat.worker == worker
    throw XDPError(
      .queueBusy, operation: "bind \(interface.name) queue \(queue)",
      reason: isOwn
        ? "port \(port) of this engine is bound to the queue already"
        : "port \(port), of engine \(seat.worker) of the same memory, has the queue already",
      remedy: isOwn
        ? "use that port, or bind another queue"
        : "hand that engine what is to be sent there, or bind another queue")
  }

  /// What an engine needs for ports that are steered to.
  struct Adoption: Sendable {
    let attachments: [Interface: Attachment]
    let heart: (heart: Heart, limit: Duration)?
    /// Nil unless the engine reads facts.
    let witness: FactsWitness?
  }

  /// Makes the interfaces transparent if asked, attaches the steering program where it is not yet,
  /// lets it steer to the sockets, and gets what the engine needs for that.
  ///
  /// All or nothing: where something fails, what this call did is undone.
  mutating func adopt(
    _ places: [SocketPlace], of worker: Int, on rung: BindMode, because reason: String,
    _ configuration: Engine.Configuration
  ) throws(XDPError) -> Adoption {
    var fresh: [Interface] = []
    var transparent: [Interface] = []
    do throws(XDPError) {
      if configuration.isTransparent {
        for place in places where try transparency.add(place.interface) {
          transparent.append(place.interface)
        }
      }
      var attachments: [Interface: Attachment] = [:]
      for place in places where attachments[place.interface] == nil {
        attachments[place.interface] = try attach(place.interface, on: rung, configuration, &fresh)
      }
      for place in places {
        try program?.register(
          socket: place.descriptor, interface: place.interface, queue: place.queue, worker: worker)
        seats[place.port] = Seat(
          worker: worker, interface: place.interface, queue: place.queue, group: place.group,
          mode: rung, reason: reason)
      }
      return Adoption(
        attachments: attachments, heart: try heart(of: worker),
        witness: configuration.readsFacts ? try program?.makeWitness() : nil)
    } catch {
      for place in places {
        seats[place.port] = nil
        // Where it was attached before; only the socket is new.
        if !fresh.contains(place.interface) {
          try? program?.unregister(interface: place.interface, queue: place.queue)
        }
      }
      for interface in fresh { program?.detach(from: interface) }
      for interface in transparent { transparency.remove(interface) }
      throw error
    }
  }

  /// Attaches the program to an interface, and notes it in `fresh` if it was not there yet.
  private mutating func attach(
    _ interface: Interface, on rung: BindMode, _ configuration: Engine.Configuration,
    _ fresh: inout [Interface]
  ) throws(XDPError) -> Attachment? {
    if let present = program?.attachment(to: interface) { return present }
    if program == nil {
      program = try SteeringProgram(
        socketCapacity: Engine.portLimit * 4, acceptsFragments: configuration.takesFragments)
      // Before anything is attached: the dispatcher would not permit it afterwards.
      if configuration.readsFacts {
        try program?.setFacts(true, areTimed: configuration.stampsPackets)
      }
    }
    let attachment = try program?.attach(
      to: interface, mode: rung == .generic ? .generic : .native)
    fresh.append(interface)
    if configuration.asksDriver { try program?.askDriver(of: interface) }
    return attachment
  }
}

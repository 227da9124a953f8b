internal import BasicContainers

extension Engine {
  /// Binds one queue of an interface; packets come once they are steered to the port.
  ///
  /// What arrives on the queue is received into pages of `group` and no others: those hold the
  /// group's packets alone, as far as the interface brings nothing else to the queue.
  ///
  /// The first bind decides whether the engine's ports are zero-copy or copy: the two cannot share
  /// memory. To find what several interfaces can all have, bind them as a set. Throws an error that
  /// says what to do; then nothing is left behind.
  public mutating func bind(
    _ interface: String, queue: Int, group: FlowGroup = .shared, mode: ModeRequest = .auto
  ) throws(XDPError) -> Port {
    let first = try bind([QueueName(interface, queue: queue, group: group)], mode: mode).first
    guard let first else { preconditionFailure("one queue gives one port") }
    return first
  }

  /// Binds a set of queues on the best rung of the mode ladder that all of them can have.
  ///
  /// `report(of:)` says which rung that is and which port decided. Throws if no permitted rung
  /// works for all, or for a reason that no other rung would change; then nothing is left behind.
  public mutating func bind(
    _ queues: [QueueName], mode: ModeRequest = .auto
  ) throws(XDPError) -> [Port] {
    var rest: OpenSockets?
    return try bind(queues, opening: [], leaving: &rest, mode: mode)
  }

  /// Makes ports of sockets that another engine of the memory opened.
  mutating func take(
    _ queues: [QueueName], from open: inout OpenSockets
  ) throws(XDPError) -> [Port] {
    try control.prepare()
    let wanted = try interfaces(of: queues)
    if open.rung == .zeroCopy { try keepFramesInPages(control.umem?.pages) }
    return try adopt(&open.sockets, for: wanted, on: open.rung, because: open.reason)
  }

  /// Binds `queues`, and opens the sockets of `further` queues on the same rung, for the other
  /// engines of the memory.
  mutating func bind(
    _ queues: [QueueName], opening further: [QueueName], leaving rest: inout OpenSockets?,
    mode: ModeRequest
  ) throws(XDPError) -> [Port] {
    guard let umem = control.umem else {
      throw XDPError(
        .configuration, operation: "bind \(queues.first?.interface ?? "nothing")",
        reason: "this engine's memory is not known to the kernel",
        remedy: "make the engine without memory of your own")
    }
    try control.prepare()
    let wanted = try interfaces(of: queues)
    let all = try wanted + resolve(further)
    let interfaces = wanted.map(\.interface)
    for interface in Set(all.map(\.interface)) { QueueSteering.restore(interface) }
    let rungs = control.steering.shared.with { state in
      mode.rungs.filter { state.permits($0, on: interfaces) }
    }
    var refusal: XDPError?
    var sockets = RigidArray<Socket>(capacity: all.count)
    for rung in rungs {
      do throws(XDPError) {
        if rung == .zeroCopy, mode == .auto {
          for (interface, _, _) in all { try interface.checkZeroCopyIsHarmless() }
        }
        if sockets.isEmpty { try openEitherWay(&sockets, for: all, of: umem, on: rung) }
        if rung == .zeroCopy { try keepFramesInPages(umem.pages) }
        let reason = reason(for: rung, on: interfaces, asked: mode, after: refusal)
        let ports = try adopt(&sockets, for: wanted, on: rung, because: reason)
        rest = OpenSockets(sockets: sockets, rung: rung, reason: reason)
        return ports
      } catch {
        guard error.kind == .modeRefused, rung != rungs.last else { throw error }
        refusal = error
        // To a socket generic mode is copy mode: what was bound for the one serves the other, and a
        // queue that was let go would be busy for a while.
        if rung != .copy || sockets.count != all.count { sockets.removeAll() }
      }
    }
    throw XDPError(
      .modeRefused, operation: "bind \(queues.map(\.interface).joined(separator: ", "))",
      reason: "\(mode.rawValue) and the mode of the engine's other ports cannot share memory",
      remedy: "bind all ports as one set, or ask for the mode the others have")
  }

  /// Adds a port whose rings lie in memory, with the other ends in a test's hands.
  ///
  /// Traps if the engine has no such group.
  public mutating func bind(
    inMemory rings: consuming QueueRings, group: FlowGroup = .shared
  ) -> Port {
    bind(inMemory: rings, group: group, isEmpty: false)
  }

  /// The same, perhaps without a frame until it is stocked, as tests want it.
  mutating func bind(
    inMemory rings: consuming QueueRings, group: FlowGroup, isEmpty: Bool
  ) -> Port {
    precondition(mayReceive(group), "no port can receive into frames of this group")
    let socket = Socket(inMemory: rings)
    let binding = PortBinding(
      interface: socket.interface, queue: 0, mode: .copy, reason: "rings in memory")
    share(among: ports.count + 1)
    return add(socket, binding, group, share(of: group, with: 1), isEmpty: isEmpty)
  }

  /// Whether the engine has the group, and its memory is written by the kernel alone.
  private func mayReceive(_ group: FlowGroup) -> Bool {
    control.configuration.groups.indices.contains(group.index)
      && !control.configuration.groups[group.index].isWritable
  }

  private func admit(_ group: FlowGroup) throws(XDPError) {
    guard !mayReceive(group) else { return }
    throw XDPError(
      .configuration, operation: "bind a port of flow group \(group.index)",
      reason: "the engine has no such group, or a tenant writes to its memory",
      remedy: "bind it to a group whose arena only the kernel writes to")
  }

  private typealias Wanted = (interface: Interface, queue: Int, group: FlowGroup)

  private func interfaces(of queues: [QueueName]) throws(XDPError) -> [Wanted] {
    guard !queues.isEmpty, ports.count + queues.count <= portLimit else {
      throw XDPError(
        .configuration, operation: "bind \(queues.count) queues",
        reason: "an engine has 1 to \(portLimit) ports, this one has \(ports.count)",
        remedy: "bind fewer (ethtool -L), or use a further engine on a thread of its own")
    }
    for name in queues { try admit(name.group) }
    try checkMemory(for: queues)
    return try resolve(queues)
  }

  /// Throws unless there are two frames for each port that has none of an arena's: one to receive
  /// into, and one that is on its way meanwhile.
  private func checkMemory(for queues: [QueueName]) throws(XDPError) {
    let configuration = control.configuration
    let others = ports.indices.filter { !ports[$0].isRetired }.map { ports[$0].group }
    let needy = (queues.map(\.group) + others).count {
      configuration.groups[$0.index].arena == nil
    }
    let wanted = 2 * needy * configuration.chunkSize
    guard configuration.memory < wanted else { return }
    throw XDPError(
      .configuration, operation: "bind \(queues.count) queues",
      reason: "\(configuration.memory) bytes of memory are too little for so many ports",
      remedy: "give the engine \(wanted) bytes or more")
  }

  private func resolve(_ queues: [QueueName]) throws(XDPError) -> [Wanted] {
    var found: [Wanted] = []
    let worker = control.steering.worker
    for name in queues {
      let interface = try Interface(named: name.interface)
      try control.steering.shared.with { state throws(XDPError) in
        try state.checkFree(interface, queue: name.queue, worker: worker)
      }
      found.append((interface, name.queue, name.group))
    }
    return found
  }

  private func reason(
    for rung: BindMode, on interfaces: [Interface], asked mode: ModeRequest,
    after refusal: XDPError?
  ) -> String {
    if mode != .auto { return "asked for" }
    guard let refusal else {
      // What another engine of the memory found out holds here too.
      let found = control.steering.shared.with { $0.reason(for: rung, on: interfaces) }
      if let found { return found }
      return rung == .zeroCopy
        ? "every driver takes it" : "the engine's other ports copy, and zero-copy cannot join them"
    }
    return "\(refusal.operation): \(refusal.reason)"
  }

  /// Opens the sockets with unaligned chunks or, if a zero-copy driver refuses those and nothing is
  /// in use yet, with aligned ones.
  private mutating func openEitherWay(
    _ sockets: inout RigidArray<Socket>, for wanted: [Wanted],
    of umem: UMEM, on rung: BindMode
  ) throws(XDPError) {
    do throws(XDPError) {
      return try open(&sockets, for: wanted, of: umem, on: rung)
    } catch {
      let isFree = isUnused && control.configuration.isUnaligned == nil
      guard rung == .zeroCopy, error.kind == .modeRefused, isFree, !isAligned else { throw error }
      sockets.removeAll()
      umem.alignChunks(true)
      do throws(XDPError) {
        try open(&sockets, for: wanted, of: umem, on: rung)
        try remakeAllocator(
          isUnaligned: false,
          boundary: control.configuration.boundary(
            isUnaligned: false, isZeroCopy: true, pages: umem.pages))
        control.alignmentFallback = "\(error.operation): \(error.reason)"
      } catch let second {
        umem.alignChunks(false)
        sockets.removeAll()
        throw second
      }
    }
  }

  private var isAligned: Bool { !allocator.slots.takesOffsets }

  /// Whether no port and no frame was asked for yet, and nobody else has any of the memory.
  private var isUnused: Bool { ports.count == 0 && balance == 0 && shared == nil }

  /// From here on gives no frame that lies across pages, if those are not side by side for a device
  /// that sends from them: the kernel would refuse to send it.
  ///
  /// Throws if the application has frames already.
  mutating func keepFramesInPages(_ pages: PageKind?) throws(XDPError) {
    let configuration = control.configuration
    let boundary = configuration.boundary(
      isUnaligned: isUnaligned, isZeroCopy: true, pages: pages)
    guard isUnaligned, let boundary, allocator.mayCross(boundary) else { return }
    guard isUnused else {
      throw XDPError(
        .modeRefused, operation: "bind in zero-copy mode",
        reason: "frames that were given may lie across pages, which a device sends apart",
        remedy: "bind before frames are allocated, or use nodes of one page (nodeOrder 0)")
    }
    try remakeAllocator(isUnaligned: true, boundary: boundary)
  }

  private mutating func remakeAllocator(isUnaligned: Bool, boundary: Int?) throws(XDPError) {
    allocator = try control.configuration.makePool(
      isUnaligned: isUnaligned, boundary: boundary, workers: 1
    ).makeAllocator(worker: 0)
    packsFrames = control.configuration.packsFrames ?? isUnaligned
  }

  private func open(
    _ sockets: inout RigidArray<Socket>, for wanted: [Wanted],
    of umem: UMEM, on rung: BindMode
  ) throws(XDPError) {
    var options = BindOptions()
    options.usesMultiBuffer = control.configuration.takesFragments
    for (interface, queue, _) in wanted {
      let socket = try umem.bind(interface, queue: queue, mode: rung, options: options)
      InterruptDeferral.restore(socket)
      if isBusyPolling { try socket.preferBusyPoll(budget: Self.pollBudget) }
      sockets.append(socket)
    }
  }

  /// Steers to sockets and makes ports of them, if their groups bear the rung.
  private mutating func adopt(
    _ sockets: inout RigidArray<Socket>, for wanted: [Wanted],
    on rung: BindMode, because reason: String
  ) throws(XDPError) -> [Port] {
    var doors: [Int: ArenaBook.Door] = [:]
    for (number, wish) in wanted.enumerated() where rung == .zeroCopy {
      doors[ports.nextIndex + number] = ArenaBook.Door(
        group: wish.group, isOpen: !waitsForFlow(wish.group, wish.interface))
    }
    let barred = exports.arenas.addDoors(doors)
    guard barred.isEmpty else {
      let names = barred.map { "\($0.index)" }.joined(separator: ", ")
      throw XDPError(
        .notExportable, operation: "bind a port of flow group \(names)",
        reason: "a process has or had pages of the group, into which in zero copy the NIC would"
          + " write whatever comes to the port",
        remedy: "bind the group's ports before it is exported, or declare a closed world then")
    }
    do throws(XDPError) {
      return try makePorts(of: &sockets, for: wanted, on: rung, because: reason, doors)
    } catch {
      exports.arenas.removeDoors(doors)
      throw error
    }
  }

  /// Steers to sockets and makes ports of them.
  private mutating func makePorts(
    of sockets: inout RigidArray<Socket>, for wanted: [Wanted],
    on rung: BindMode, because reason: String, _ doors: [Int: ArenaBook.Door]
  ) throws(XDPError) -> [Port] {
    var places: [SocketPlace] = []
    for (number, (interface, queue, group)) in wanted.enumerated() {
      places.append(
        SocketPlace(
          interface: interface, queue: queue, descriptor: sockets[number].fileDescriptor,
          port: ports.nextIndex + number, group: group))
    }
    let configuration = control.configuration
    let worker = control.steering.worker
    let adoption = try control.steering.shared.with { state throws(XDPError) in
      try state.adopt(places, of: worker, on: rung, because: reason, configuration)
    }
    // Nothing fails from here on.
    control.takeHeart(adoption.heart)
    if let witness = adoption.witness {
      control.witness = witness
      factsSeal = witness.seal
    }
    share(among: ports.count + wanted.count)
    let depths = wanted.map { wish in
      share(of: wish.group, with: wanted.count { $0.group == wish.group })
    }
    var added: [Port] = []
    for ((interface, queue, group), depth) in zip(wanted, depths) {
      let binding = PortBinding(
        interface: interface, queue: queue, mode: rung, reason: reason,
        attachment: adoption.attachments[interface], capabilities: try? interface.capabilities(),
        polling: isBusyPolling ? .unnamed : .off)
      let isEmpty = doors[ports.nextIndex]?.isOpen == false
      added.append(add(sockets.remove(at: 0), binding, group, depth, isEmpty: isEmpty))
    }
    return added
  }

  /// Lowers the fill depth of the ports to their share, unless the configuration says what it is.
  private mutating func share(among portCount: Int) {
    guard control.configuration.fillDepth == nil else { return }
    let among = max(2, portCount) * (shared?.workers ?? 1)
    fillDepth = UInt32(control.configuration.fillShare(among: among))
    for index in ports.indices { lower(index, to: fillDepth) }
  }

  /// Fill entries for each of `count` further ports of `group`: of the group's own arena, which all
  /// its ports share, or of what all groups share.
  private mutating func share(of group: FlowGroup, with count: Int) -> UInt32 {
    let others = ports.indices.filter { ports[$0].group == group }
    guard
      let share = control.configuration.fillShare(of: group, among: others.count + count)
    else {
      return fillDepth
    }
    for index in others { lower(index, to: UInt32(share)) }
    return UInt32(share)
  }

  private mutating func lower(_ index: Int, to fillDepth: UInt32) {
    ports[index].wantedDepth = min(ports[index].wantedDepth, fillDepth)
    ports[index].fillDepth = min(ports[index].fillDepth, fillDepth)
    ports[index].burst = control.configuration.burst(at: ports[index].wantedDepth)
  }

  /// Packets that a driver's receive side fetches each time it is run, as many as by an interrupt
  /// (`NAPI_POLL_WEIGHT`).
  private static let pollBudget = 64

  private mutating func add(
    _ socket: consuming Socket, _ binding: PortBinding, _ group: FlowGroup, _ depth: UInt32,
    isEmpty: Bool
  ) -> Port {
    let index = ports.nextIndex
    ports.append(
      PortState(
        socket: socket, fillDepth: depth, burst: control.configuration.burst(at: depth),
        group: group))
    ports[index].facts = readsFacts ? .read : .off
    ports[index].steeringPlace = control.steering.shared.with {
      $0.program?.number(of: binding.interface)
    }
    // What is in flight stands on the transmit ring, in the driver or on the completion ring.
    allocator.reserveFlights(ports[index].ringCapacity)
    control.bindings.append(binding)
    control.unawaited.insert(index)
    if ports[index].socket.isZeroCopy { control.zeroCopyPorts.insert(index) }
    // Rings may stand anywhere.
    balance &+= ports[index].takenFrames(with: lanes[index])
    if isEmpty { unstocked.insert(index) } else { stock(index) }
    if isBusyPolling { deferInterrupts(index) }
    return Port(index: index)
  }

  /// Whether in zero copy `place` has its chance before anything can come to a port.
  ///
  /// Whatever comes lies in the pages of the group. Where those may be exported, and filters can
  /// keep others out, nothing should come first; elsewhere that would change nothing, and QEMU's
  /// virtio stops all queues when packets come to one that has no frames.
  private func waitsForFlow(_ group: FlowGroup, _ interface: Interface) -> Bool {
    arenaAddresses(of: group) != nil && QueueSteering.hasFilters(interface)
  }
}

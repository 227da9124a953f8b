internal import BasicContainers

/// What the engine asked of interfaces about their queues: which flow each of its ports was given.
///
/// Everything is put back when the list goes.
struct QueueList: ~Copyable {
  private var interfaces = RigidArray<QueueSteering>(capacity: Engine.portLimit)
  private var flows: [Given] = []

  /// A flow's queue: of one interface, as another may be told of the same flow.
  private struct Given {
    let flow: FlowKey
    let interface: Interface
    let queue: Int
    /// Nil once the port's engine is gone: the queue is the flow's still.
    var port: Int?
    let placement: Placement
  }

  /// Gives a flow the queue of a port, and notes in `arenas` what may come there then.
  ///
  /// `isEmpty` says that nothing can have been received there.
  mutating func place(
    _ flow: FlowKey, on binding: PortBinding, port: Int, apart: [FlowKey], isEmpty: Bool,
    _ arenas: ArenaBook
  ) throws(XDPError) -> Placement {
    let interface = binding.interface
    let before = known(flow, on: interface)
    // To place it anew would take it off first.
    if let before, before.port == port, before.placement.grade == .exact { return before.placement }
    let place = try place(of: interface)
    let left = try leave(before, arenas)
    // Until it is known what comes there.
    let passage = arenas.openDoor(port)
    do throws(XDPError) {
      let placement = try interfaces[place].steer(
        flow, to: binding.queue, apart: apart, exactly: passage == .barred)
      forget(flow, on: interface)
      flows.append(
        Given(
          flow: flow, interface: interface, queue: binding.queue, port: port, placement: placement))
      if passage == .barred, !isExact(port) {
        try interfaces[place].unsteer(flow)
        throw barred("give \(flow) a queue of \(interface.name)", of: port)
      }
      if passage == .wasShut, isExact(port) { arenas.shutDoor(port) }
      return placement
    } catch {
      review(flow, on: place)
      if passage == .wasShut, isEmpty || isExact(port) { arenas.shutDoor(port) }
      if let left, isExact(left) { arenas.shutDoor(left) }
      throw error
    }
  }

  /// Lets a flow go where all others go, and notes in `arenas` what may come to its queue then.
  mutating func unplace(
    _ flow: FlowKey, from interface: Interface, _ arenas: ArenaBook
  ) throws(XDPError) {
    guard let place = known(interface) else { return }
    let left = try leave(known(flow, on: interface), arenas)
    do throws(XDPError) { try interfaces[place].unsteer(flow) } catch {
      review(flow, on: place)
      if let left, isExact(left) { arenas.shutDoor(left) }
      throw error
    }
    forget(flow, on: interface)
  }

  /// Before a flow leaves its queue: notes that strangers may come there in its stead, and answers
  /// with the port if that is new; throws if they must not.
  private func leave(_ given: Given?, _ arenas: ArenaBook) throws(XDPError) -> Int? {
    guard let given, let port = given.port, flows.count(where: { $0.port == port }) == 1 else {
      return nil
    }
    switch arenas.openDoor(port) {
    case .copies, .wasOpen: return nil
    case .wasShut: return port
    case .barred:
      throw barred("take \(given.flow) off its queue of \(given.interface.name)", of: port)
    }
  }

  private func barred(_ operation: String, of port: Int) -> XDPError {
    let why = Placement.weakest(of: placements(of: port)).map { " (\($0.reason))" } ?? ""
    return XDPError(
      .notExportable, operation: operation,
      reason: "what else comes there then would lie in pages that a process has or had\(why)",
      remedy: "leave it as it is, or export the group in a closed world")
  }

  /// After a failure: forgets a flow that its interface steers no more.
  private mutating func review(_ flow: FlowKey, on place: Int) {
    guard interfaces[place].placement(of: flow).grade == nil else { return }
    forget(flow, on: interfaces[place].interface)
  }

  /// The engine of a port is gone; its flows keep their queues until the interface is let go.
  mutating func depart(_ port: Int) {
    for index in flows.indices where flows[index].port == port { flows[index].port = nil }
  }

  /// Puts an interface back as it was, if anything was asked of it.
  mutating func remove(_ interface: Interface) {
    guard let place = known(interface) else { return }
    _ = interfaces.remove(at: place)
    flows.removeAll { $0.interface == interface }
  }

  /// Tells every interface once more what it was told; see `QueueSteering.repeatSettings`.
  func repeatSettings() throws(XDPError) {
    for place in 0..<interfaces.count { try interfaces[place].repeatSettings() }
  }

  /// The placements of the flows that a port was given.
  func placements(of port: Int) -> [Placement] {
    let own = flows.filter { $0.port == port }
    guard let first = own.first else { return [] }
    let other = flows.first {
      $0.port != port && $0.interface == first.interface && $0.queue == first.queue
    }
    let strangers = other.map {
      Placement.steered(
        .bucket, reason: "\($0.flow) has the queue too, from an engine that is gone")
    }
    return own.map(\.placement) + (strangers.map { [$0] } ?? [])
  }

  /// Whether nothing but flows that it was given is sent to a port.
  private func isExact(_ port: Int) -> Bool {
    let placements = placements(of: port)
    return !placements.isEmpty && placements.allSatisfy { $0.grade == .exact }
  }

  private func known(_ flow: FlowKey, on interface: Interface) -> Given? {
    flows.first { $0.flow == flow && $0.interface == interface }
  }

  private mutating func forget(_ flow: FlowKey, on interface: Interface) {
    flows.removeAll { $0.flow == flow && $0.interface == interface }
  }

  private func known(_ interface: Interface) -> Int? {
    (0..<interfaces.count).first { interfaces[$0].interface == interface }
  }

  private mutating func place(of interface: Interface) throws(XDPError) -> Int {
    if let place = known(interface) { return place }
    interfaces.append(try QueueSteering(interface))
    return interfaces.count - 1
  }
}

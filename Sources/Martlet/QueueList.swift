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
    let port: Int
    let placement: Placement
  }

  /// Gives a flow the queue of a port, and notes in `arenas` what may come there then.
  ///
  /// `wasEmpty` says that nothing could be received there so far.
  mutating func place(
    _ flow: FlowKey, on binding: PortBinding, port: Int, apart: [FlowKey], wasEmpty: Bool,
    _ arenas: ArenaBook
  ) throws(XDPError) -> Placement {
    let interface = binding.interface
    let mustStayShut = arenas.mustStayShut(port)
    if let before = known(flow, on: interface) {
      // To place it anew would take it off first.
      if before.port == port, mustStayShut { return before.placement }
      if before.port != port { try leave(before, arenas) }
    }
    let place = try place(of: interface)
    let placement = try interfaces[place].steer(
      flow, to: binding.queue, apart: apart, exactly: mustStayShut)
    forget(flow, on: interface)
    flows.append(Given(flow: flow, interface: interface, port: port, placement: placement))
    let isExact = placements(of: port).allSatisfy { $0.grade == .exact }
    if isExact, wasEmpty { arenas.shutDoor(port) }
    if !isExact { _ = arenas.openDoor(port) }
    return placement
  }

  /// Lets a flow go where all others go, and notes in `arenas` what may come to its queue then.
  mutating func unplace(
    _ flow: FlowKey, from interface: Interface, _ arenas: ArenaBook
  ) throws(XDPError) {
    guard let place = known(interface) else { return }
    if let before = known(flow, on: interface) { try leave(before, arenas) }
    try interfaces[place].unsteer(flow)
    forget(flow, on: interface)
  }

  /// Before a flow leaves its queue: throws if strangers would come there in its stead, and must
  /// not.
  private func leave(_ given: Given, _ arenas: ArenaBook) throws(XDPError) {
    let isLast = placements(of: given.port).count == 1
    guard !isLast || arenas.openDoor(given.port) else {
      throw XDPError(
        .notExportable, operation: "take \(given.flow) off its queue of \(given.interface.name)",
        reason: "whatever comes there then would lie in pages that a process has or had",
        remedy: "leave it there, or export its group in a closed world")
    }
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
    flows.filter { $0.port == port }.map(\.placement)
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

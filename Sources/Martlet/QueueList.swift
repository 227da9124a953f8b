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

  /// Gives a flow the queue of a port.
  mutating func steer(
    _ flow: FlowKey, to binding: PortBinding, port: Int, apart: [FlowKey]
  ) throws(XDPError) -> Placement {
    let place = try place(of: binding.interface)
    let placement = try interfaces[place].steer(flow, to: binding.queue, apart: apart)
    forget(flow, on: binding.interface)
    flows.append(
      Given(flow: flow, interface: binding.interface, port: port, placement: placement))
    return placement
  }

  /// Lets a flow go where all others go.
  mutating func unsteer(_ flow: FlowKey, from interface: Interface) throws(XDPError) {
    guard let place = known(interface) else { return }
    try interfaces[place].unsteer(flow)
    forget(flow, on: interface)
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

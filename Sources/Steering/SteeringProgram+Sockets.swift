import CXDP
public import XSK

extension SteeringProgram {
  /// Makes an AF_XDP socket the destination of one queue, in place of the one before.
  ///
  /// The socket must be bound to that queue of that interface: the kernel drops what is redirected
  /// elsewhere. Its place empties itself when the socket is closed. `worker` says whose heart has
  /// to beat for the packets of the queue to go there.
  public func register(
    socket descriptor: Int32, interface: Interface, queue: Int, worker: Int = 0
  ) throws(XDPError) {
    let place = try socketSlot(interface, queue)
    object.settings.setOwner(worker, ofSocket: place)
    var slot = UInt32(place)
    var value = descriptor
    // The kernel reads four bytes of each.
    let result = unsafe bpf_map_update_elem(object.sockets, &slot, &value, 0)
    guard result == 0 else { throw mapError("steer to the socket of queue \(queue)", result) }
  }

  /// Takes the socket away from a queue: what is meant for it goes to the kernel.
  public func unregister(interface: Interface, queue: Int) throws(XDPError) {
    removeSocket(try socketSlot(interface, queue))
  }

  /// Where the socket of a queue stands: what a group of one is made of.
  public func slot(interface: Interface, queue: Int) throws(XDPError) -> SocketSlot {
    SocketSlot(interface: interface, queue: queue, number: try socketSlot(interface, queue))
  }

  /// Makes a further AF_XDP socket of a queue one to which rules can steer, through a group.
  ///
  /// It must be bound to that queue of that interface. Its place empties itself when the socket is
  /// closed.
  public mutating func addSocket(
    _ descriptor: Int32, interface: Interface, queue: Int
  ) throws(XDPError) -> SocketSlot {
    _ = try socketSlot(interface, queue)
    let taken = ports.map(\.sockets.upperBound).max() ?? 0
    let free = (taken..<socketCapacity).last { !furtherSockets.contains($0) }
    guard let free else {
      throw XDPError(
        .configuration, operation: "steer to a further socket of queue \(queue)",
        reason: "all \(socketCapacity) places are taken",
        remedy: "make the program with a larger socketCapacity")
    }
    var slot = UInt32(free)
    var value = descriptor
    // The kernel reads four bytes of each.
    let result = unsafe bpf_map_update_elem(object.sockets, &slot, &value, 0)
    guard result == 0 else { throw mapError("steer to a further socket", result) }
    furtherSockets.insert(free)
    return SocketSlot(interface: interface, queue: queue, number: free)
  }

  /// Takes a further socket away: what is meant for it goes to the kernel.
  public mutating func removeSocket(at slot: SocketSlot) {
    guard furtherSockets.remove(slot.number) != nil else { return }
    removeSocket(slot.number)
  }

  func removeSocket(_ slot: Int) {
    var slot = UInt32(slot)
    // Four bytes; that the place is empty already is fine.
    _ = unsafe bpf_map_delete_elem(object.sockets, &slot)
  }

  private func socketSlot(_ interface: Interface, _ queue: Int) throws(XDPError) -> Int {
    guard let port = port(interface) else {
      throw XDPError(
        .configuration, operation: "steer to a socket of \(interface.name)",
        reason: "the program is not attached there", remedy: "attach it first")
    }
    guard port.sockets.indices.contains(port.sockets.lowerBound + queue) else {
      throw XDPError(
        .noSuchQueue, operation: "steer to queue \(queue) of \(interface.name)",
        reason: "it has \(port.sockets.count) queues", remedy: "use 0 to \(port.sockets.count - 1)")
    }
    return port.sockets.lowerBound + queue
  }
}

/// A bound socket that is to become a port.
struct SocketPlace {
  let interface: Interface
  let queue: Int
  let descriptor: Int32
}

extension EngineControl {
  /// Makes what every bound port needs: the link monitor.
  mutating func prepare() throws(XDPError) {
    guard links == nil else { return }
    links = try LinkMonitor()
    if let descriptor = links?.fileDescriptor {
      poller.replace(at: Self.linkPlace, with: descriptor)
    }
  }

  /// Whether ports on `rung` can share the memory with those that are bound: zero-copy and copying
  /// sockets cannot.
  func permits(_ rung: BindMode) -> Bool {
    bindings.indices.allSatisfy { index in
      bindings[index].interface.index == 0 || bindings[index].state == .gone
        || (bindings[index].mode == .zeroCopy) == (rung == .zeroCopy)
    }
  }

  /// Makes the interfaces transparent if asked, attaches the steering program and lets it steer to
  /// the sockets.
  ///
  /// All or nothing: where something fails, what this call did is undone.
  mutating func adopt(
    _ places: [SocketPlace], on rung: BindMode
  ) throws(XDPError) -> [Interface: Attachment] {
    let transparent = transparency.count
    var fresh: [Interface] = []
    do throws(XDPError) {
      if configuration.isTransparent {
        for place in places { try transparency.add(place.interface) }
      }
      var attachments: [Interface: Attachment] = [:]
      for place in places where attachments[place.interface] == nil {
        attachments[place.interface] = try attach(place.interface, on: rung, &fresh)
      }
      for place in places {
        try steering?.register(
          socket: place.descriptor, interface: place.interface, queue: place.queue)
      }
      return attachments
    } catch {
      for place in places where !fresh.contains(place.interface) {
        // It was there before; only the socket is new.
        try? steering?.unregister(interface: place.interface, queue: place.queue)
      }
      for interface in fresh { steering?.detach(from: interface) }
      transparency.keep(transparent)
      throw error
    }
  }

  /// Attaches the steering program to an interface, and notes it in `fresh` if it was not there
  /// yet.
  private mutating func attach(
    _ interface: Interface, on rung: BindMode, _ fresh: inout [Interface]
  ) throws(XDPError) -> Attachment? {
    if let present = steering?.attachment(to: interface) { return present }
    if steering == nil {
      steering = try SteeringProgram(
        socketCapacity: Engine.portLimit * 4, acceptsFragments: configuration.takesFragments)
      // Before anything is attached: the dispatcher would not permit it afterwards.
      if configuration.readsFacts {
        try steering?.setFacts(true, areTimed: configuration.stampsPackets)
      }
    }
    let attachment = try steering?.attach(
      to: interface, mode: rung == .generic ? .generic : .native)
    fresh.append(interface)
    return attachment
  }
}

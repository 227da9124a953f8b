import CXDP
import Glibc
import SystemPackage
public import XSK

extension SteeringProgram {
  /// Attaches the program to an interface, for all receive queues that it has at present.
  ///
  /// What a crashed process of ours left there is replaced; a living one's program and anybody
  /// else's is refused. Throws `.foreignProgram` with the holder, `.modeRefused`, `.packetTooLong`,
  /// `.notPermitted` or `.interfaceGone`; nothing is attached then. While a driver is asked
  /// about packets also `.configuration`, for another interface; so too where a rule in force sends
  /// back what arrives there and a veth's peer would not take it, and where rules steer to groups
  /// while a change is unconfirmed.
  @discardableResult
  public mutating func attach(
    to interface: Interface, mode: AttachMode
  ) throws(XDPError) -> Attachment {
    try checkAsked(interface)
    // Those before a change that is not confirmed may be in force again at any time.
    let rules = inForce.book.rules + (unconfirmed?.book.rules ?? [])
    try checkSendingBack(by: rules.map(\.rule), interface, mode)
    let lock = try InterfaceLock(of: interface)
    try clear(interface)
    let queueCount = try interface.queueCounts().receive
    let (number, sockets) = try freePlace(queueCount, interface.name)
    var hold = try hold(interface, mode, number, sockets)
    if hold == nil {
      try useLinks()
      hold = try self.hold(interface, mode, number, sockets)
    }
    guard let hold else { preconditionFailure("a link holds or throws") }
    let port = AttachedPort(
      interface: interface, number: number, sockets: sockets, mode: mode, hold: hold, lock: lock)
    ports.append(port)
    do throws(XDPError) {
      // Groups may have members there.
      try renewGroups { _ in true }
    } catch {
      detach(from: interface)
      throw error
    }
    return port.attachment
  }

  /// Detaches from one interface, and waits for the kernel to be done with it.
  ///
  /// Nothing happens if the program is not attached there.
  public mutating func detach(from interface: Interface) {
    guard let at = ports.firstIndex(where: { $0.interface.index == interface.index }) else {
      return
    }
    let port = ports.remove(at: at)
    for slot in port.sockets { removeSocket(slot) }
    for name in groups.keys {
      groups[name]?.members.removeAll { $0.interface.index == interface.index }
    }
    object.settings.clearPort(port.number)
    askNobody()
  }

  /// How the program is attached to an interface, nil if it is not.
  public func attachment(to interface: Interface) -> Attachment? { port(interface)?.attachment }

  func port(_ interface: Interface) -> AttachedPort? {
    ports.first { $0.interface.index == interface.index }
  }

  /// A free number and a free run of sockets.
  private func freePlace(
    _ queueCount: Int, _ name: String
  ) throws(XDPError) -> (number: Int, sockets: Range<Int>) {
    func full(_ reason: String, _ remedy: String) -> XDPError {
      XDPError(.configuration, operation: "attach to \(name)", reason: reason, remedy: remedy)
    }
    let number = (0..<SettingsPage.portCount).first { n in !ports.contains { $0.number == n } }
    guard let number else {
      throw full(
        "one program serves at most \(SettingsPage.portCount) interfaces", "use a further program")
    }
    // A free run starts at 0 or where another ends.
    let starts = [0] + ports.map(\.sockets.upperBound).sorted()
    let start = starts.first { start in
      let run = start..<start + queueCount
      return run.upperBound <= furtherSockets.min() ?? socketCapacity
        && !ports.contains { $0.sockets.overlaps(run) }
    }
    guard queueCount > 0, let start else {
      throw full(
        "there is no room for \(queueCount) queues among \(socketCapacity) sockets",
        "make the program with a larger socketCapacity")
    }
    return (number, start..<start + queueCount)
  }

  /// Attaches; nil if the dispatcher is not to be had.
  private mutating func hold(
    _ interface: Interface, _ mode: AttachMode, _ number: Int, _ sockets: Range<Int>
  ) throws(XDPError) -> AttachedPort.Hold? {
    resetCounters(number)
    // The program must know the interface before the first packet arrives.
    object.settings.setPort(
      number, interface: interface.index, firstSocket: sockets.lowerBound,
      queueCount: sockets.count)
    do throws(XDPError) {
      guard usesDispatcher else { return .link(try attachByLink(interface, mode)) }
      return try attachUnderDispatcher(interface, mode)
    } catch {
      object.settings.clearPort(number)
      throw error
    }
  }

  private func attachByLink(
    _ interface: Interface, _ mode: AttachMode
  ) throws(XDPError) -> Int32 {
    let link = cxdp_link_program(programDescriptor, Int32(interface.index), mode.flag)
    guard link >= 0 else {
      throw attachError(Errno(rawValue: -link), to: interface.name, mode: mode)
    }
    return link
  }
}

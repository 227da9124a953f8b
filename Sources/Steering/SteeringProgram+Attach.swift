import CXDP
import Glibc
import SystemPackage
public import XSK

extension SteeringProgram {
  /// Attaches the program to an interface with `queueCount` receive queues.
  ///
  /// What a crashed process of ours left there is replaced; a living one's program and anybody else's is
  /// refused. Throws `.foreignProgram` with the holder, `.modeRefused`, `.packetTooLong`, `.notPermitted`
  /// or `.interfaceGone`; nothing is attached then.
  @discardableResult
  public mutating func attach(
    to name: String, index: UInt32, queueCount: Int, mode: AttachMode
  ) throws(XDPError) -> Attachment {
    let lock = try InterfaceLock(interface: index, name: name)
    try clear(name, index)
    let (number, sockets) = try freePlace(queueCount, name)
    // The program must know the interface before the first packet arrives.
    object.settings.setPort(
      number, interface: index, firstSocket: sockets.lowerBound, queueCount: queueCount)
    do throws(XDPError) {
      resetCounters(number)
      let hold = try hold(name, index, mode)
      let port = AttachedPort(
        name: name, interface: index, number: number, sockets: sockets, mode: mode, hold: hold,
        lock: lock)
      ports.append(port)
      return port.attachment
    } catch {
      object.settings.setPort(number, interface: 0)
      throw error
    }
  }

  /// Detaches from one interface; nothing happens if it is not attached there. Waits for the kernel.
  public mutating func detach(from index: UInt32) {
    guard let at = ports.firstIndex(where: { $0.interface == index }) else { return }
    let port = ports.remove(at: at)
    for slot in port.sockets { removeSocket(slot) }
    object.settings.setPort(port.number, interface: 0)
  }

  /// How the program is attached to an interface, nil if it is not.
  public func attachment(to index: UInt32) -> Attachment? { port(index)?.attachment }

  func port(_ index: UInt32) -> AttachedPort? { ports.first { $0.interface == index } }

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
      return run.upperBound <= socketCapacity && !ports.contains { $0.sockets.overlaps(run) }
    }
    guard queueCount > 0, let start else {
      throw full(
        "there is no room for \(queueCount) queues among \(socketCapacity) sockets",
        "make the program with a larger socketCapacity")
    }
    return (number, start..<start + queueCount)
  }

  private func hold(
    _ name: String, _ index: UInt32, _ mode: AttachMode
  ) throws(XDPError) -> AttachedPort.Hold {
    if usesDispatcher, let program = unsafe try attachUnderDispatcher(name, index, mode) {
      return unsafe .dispatcher(program)
    }
    return .link(try attachByLink(name, index, mode))
  }

  private func attachByLink(
    _ name: String, _ index: UInt32, _ mode: AttachMode
  ) throws(XDPError) -> Int32 {
    var options = unsafe bpf_link_create_opts()
    unsafe options.sz = MemoryLayout<bpf_link_create_opts>.size
    unsafe options.flags = mode.flag
    let program = unsafe bpf_program__fd(object.program)
    let link = unsafe bpf_link_create(program, Int32(index), BPF_XDP, &options)
    guard link >= 0 else { throw attachError(Errno(rawValue: -link), to: name, mode: mode) }
    return link
  }
}

public import XSK

/// Facts of the driver's own: by a program that is loaded for one device.
extension SteeringProgram {
  /// Has the driver of an interface asked about each packet: in the facts its hash and, if they are
  /// timed, its time stand where it knows them, and the program's where not.
  ///
  /// For the one interface that the program is attached to, in native mode, after `setFacts`; it
  /// can be attached to another one once it is detached from this. `trial` cannot run it. Throws
  /// `.configuration` in another case, `.modeRefused` in generic mode, `.unsupported` where the
  /// driver offers neither or the kernel has no such programs; nothing is changed then.
  public mutating func askDriver(of interface: Interface) throws(XDPError) {
    guard let port = port(interface), ports.count == 1, writesFacts else {
      throw BoundProgram.refusal(
        .configuration, interface,
        "facts are not on, or the program is not attached there and nowhere else",
        "turn them on, attach it to one interface, then ask")
    }
    try BoundProgram.check(interface, port.mode, asksTime: stampsFacts)
    guard asked == nil else { return }
    asked = interface
    do throws(XDPError) {
      try exchangeForFacts()
    } catch {
      asked = nil
      throw error
    }
  }

  /// Throws if a driver is asked, and it is another interface's.
  func checkAsked(_ interface: Interface) throws(XDPError) {
    guard let asked, asked.index != interface.index else { return }
    throw BoundProgram.refusal(
      .configuration, interface,
      "the driver of \(asked.name) is asked about packets, which goes for one interface",
      "use a further program, or do without the driver's facts")
  }

  /// Lets go of the program for one device, as it is attached nowhere any more.
  mutating func askNobody() {
    guard let before = asked, ports.isEmpty else { return }
    asked = nil
    // Where there is no memory for another, the next `attach` says whose it is.
    do throws(XDPError) { try exchangeForFacts() } catch { asked = before }
  }
}

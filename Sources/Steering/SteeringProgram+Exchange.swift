import CXDP
import SystemPackage
public import XSK

/// Which of the programs is attached: the one without rules, until the first rule comes.
extension SteeringProgram {
  /// The program that links hold, once it is loaded.
  var programDescriptor: Int32 {
    if let object = engine?.program() { return object.program }
    return unsafe bpf_program__fd(object.program)
  }

  /// Whether the verifier refused it.
  var isRefused: Bool {
    !object.verifierLog.isEmpty || engine?.program().verifierLog.isEmpty == false
  }

  /// libxdp's handle of it.
  func dispatchedProgram() throws(XDPError) -> DispatchedProgram {
    if let object = engine?.program() { return try DispatchedProgram(of: object) }
    return try DispatchedProgram(of: object)
  }

  /// Makes the program with the rules and puts it in the place of the one without, on every
  /// interface.
  ///
  /// No packet goes by in between: a link exchanges its program at once, and under the dispatcher
  /// both run until the one without rules, which then only passes on, is gone.
  mutating func makeEngine() throws(XDPError) {
    // The counters say when a packet was last seen in the kernel's ticks.
    try startClock()
    let made = try RuleEngine(
      writesFacts ? .tellingFacts : .deciding, over: object,
      layout: layout, cpuCount: CPULayout.cpuCount(), acceptsFragments: acceptsFragments)
    if !usesDispatcher { try made.program().load() }
    try exchange(for: made.program())
    engine = consume made
  }

  /// Whether each packet that goes to a socket has `PacketFacts` in front of it.
  ///
  /// With them every packet is looked at, and the cache tells all flows apart. Off, which it is at
  /// first, not a byte is written. A driver that keeps no metadata has packets without facts. With
  /// `areTimed` they say when the program saw the packet, which costs it a look at the clock.
  /// libxdp's dispatcher permits no such program: turn facts on before anything is attached, and
  /// links are used instead. Throws `.unsupported` if the dispatcher has it already, and
  /// `.configuration` while a change is unconfirmed.
  public mutating func setFacts(
    _ areWritten: Bool, areTimed: Bool = false
  ) throws(XDPError) {
    try writeFacts(areWritten)
    stampsFacts = areTimed
    setFlags()
  }

  private mutating func writeFacts(_ areWritten: Bool) throws(XDPError) {
    guard areWritten != writesFacts else { return }
    try settle()
    guard unconfirmed == nil else {
      throw XDPError(
        .configuration, operation: "turn the packets' facts on or off",
        reason: "a change of rules is not confirmed yet", remedy: "confirm it or roll it back")
    }
    if areWritten && usesDispatcher {
      guard ports.isEmpty else {
        throw XDPError(
          .unsupported, operation: "write facts in front of packets",
          reason: "libxdp's dispatcher permits no program that does",
          remedy: "turn them on before the first interface is attached; then links are used")
      }
      try useLinks()
    }
    let before = asked
    asked = nil
    writesFacts = areWritten
    do throws(XDPError) {
      try exchangeForFacts()
      try publish(book)
    } catch {
      asked = before
      writesFacts = !areWritten
      // Where the rules' tables could not be written the other program is in place already.
      try? exchangeForFacts()
      throw error
    }
  }

  /// The program for the facts that are wanted takes the place of another.
  mutating func exchangeForFacts() throws(XDPError) {
    let telling: RuleObject.Program = asked == nil ? .tellingFacts : .askingDriver
    let kind = writesFacts ? telling : .deciding
    guard let before = engine?.program() else { return }
    if before.kind == kind, before.device == asked { return }
    let next = try RuleObject(
      kind, over: object, sizes: [:], layout: layout, sharing: engine?.maps() ?? [:],
      device: asked, acceptsFragments: acceptsFragments)
    if !usesDispatcher { try next.load() }
    try exchange(for: next)
    engine?.take(next)
  }

  /// Puts a program in the place of the one that the interfaces have: on all of them or, where one
  /// refuses, on none.
  private mutating func exchange(for next: RuleObject) throws(XDPError) {
    var handle: DispatchedProgram?
    if usesDispatcher, !ports.isEmpty { handle = try DispatchedProgram(of: next) }
    for (place, port) in ports.enumerated() {
      guard let code = port.exchange(for: next.program, handle) else { continue }
      for changed in ports[..<place] { _ = changed.exchange(for: programDescriptor, dispatched) }
      throw refusal(port, code, next.verifierLog)
    }
    dispatched = handle
  }

  private func refusal(_ port: AttachedPort, _ code: Errno, _ log: String) -> XDPError {
    log.isEmpty
      ? attachError(code, to: port.interface.name, mode: port.mode) : loadError(code, log: log)
  }

  /// `enum flags` of bpf/steer.h, and the seal of facts.
  func setFlags() {
    object.settings.setSeal(factsSeal)
    object.settings.setFlags((acceptsFragments ? 1 : 0) | (stampsFacts ? 2 : 0))
  }

  /// Which of the program's ports an interface is; nil if it is not attached there.
  package func number(of interface: Interface) -> Int? { port(interface)?.number }

  /// A witness of whether the program writes facts in front of every packet.
  ///
  /// Good for as long as the program is attached anywhere.
  package func makeWitness() throws(XDPError) -> FactsWitness {
    FactsWitness(settings: try SettingsPage(map: object.settingsMap), seal: factsSeal)
  }
}

import Martlet
import MartletTestKit

/// What the driver knows of a packet, with the packet.
extension Lane {
  static var askingDriver: Engine.Configuration {
    var configuration = Engine.Configuration()
    configuration.readsFacts = true
    configuration.stampsPackets = true
    configuration.asksDriver = true
    return configuration
  }

  /// The hash that the NIC computed comes with each packet, and is the one computed here with its
  /// key; before it is told to report hashes it is the program's.
  ///
  /// A driver without is refused.
  func driverHash() throws -> Outcome {
    let nic = try Interface(named: Self.nic)
    let offer = try? nic.capabilities().receiveMetadata
    guard offer?.contains(.hash) == true else {
      let error = try refusal("a driver without a hash") { () throws(XDPError) in
        var engine = try Engine(Self.askingDriver)
        _ = try engine.bind(Self.nic, queue: 0)
      }
      try demand(error.kind == .unsupported, "\(error)")
      return Outcome(note: "not offered: \(error.reason)")
    }
    let plain = try hashes(of: nic, areReported: false)
    try Self.reportHashes(of: nic)
    var outcome = try hashes(of: nic, areReported: true)
    outcome.packets += plain.packets
    outcome.delivered += plain.delivered
    outcome.corrupt += plain.corrupt
    return try outcome.held()
  }

  /// Packets of many flows, and whether each comes with the hash that it should have.
  private func hashes(of nic: Interface, areReported: Bool) throws -> Outcome {
    var engine = try Engine(Self.askingDriver)
    let ports = try bind(&engine, QueueName.all(of: Self.nic))
    let rule = try engine.apply(
      RuleChange([
        .add(Rule(.udp(destinationPort: Flow.destinationPort), .socket)),
        .add(Rule(.everything, .socket)),
      ]))[0]
    let second = try refusal("a second interface") { () throws(XDPError) in
      _ = try engine.bind(Self.secondNIC, queue: 0, mode: mode)
    }
    try demand(second.reason.contains("the driver of \(Self.nic) is asked"), "\(second)")
    let tap = try PacketTap(Self.peer)
    let settings = try RSSSettings(of: nic)
    let hash = Toeplitz(key: settings.key)
    var outcome = Outcome()
    var found = Set<UInt32>()
    try engine.warmUp(ports, by: tap, with: Numbered.frame(0, byteCount: 100))
    for number in 0..<64 {
      let flow = Flow(isVersion6: number % 2 == 1, port: 7000 + UInt16(number))
      let expected =
        areReported ? hash.hash(try settings.hashInput(of: flow.key)) : FlowHash.of(flow.key)
      let facts = try engine.facts(
        of: Numbered.datagram(number, of: flow, byteCount: 200), from: ports, tap)
      found.insert(facts.flowHash)
      outcome.packets += 1
      outcome.delivered += facts.rule == rule ? 1 : 0
      let isRight = facts.hasDriverHash == areReported && facts.flowHash == expected
      // This driver has no clock: the program's stands in.
      outcome.corrupt += isRight && !facts.hasDriverTime && facts.timestamp != nil ? 0 : 1
    }
    // No NIC computes a hash of what is not IP.
    let other = try engine.facts(of: Numbered.frame(1, byteCount: 100), from: ports, tap)
    try demand(!other.hasDriverHash && other.rule != rule, "\(other)")
    try engine.demandConserved()
    outcome.note = "\(found.count) flows: the NIC's hash with each packet, as computed with its key"
    return outcome
  }

  /// Has the NIC give its hash to the driver with each packet, as `ethtool -K NIC rxhash on` does.
  private static func reportHashes(of nic: Interface) throws {
    let names = nic.featureNames()
    let place = try unwrap(names.firstIndex(of: "rx-hashing"), "no feature rx-hashing")
    var bits = [UInt32](repeating: 0, count: (names.count + 31) / 32)
    bits[place / 32] = 1 << UInt32(place % 32)
    let failure = nic.setFeatures(bits, on: true)
    try demand(failure == nil, "rx-hashing cannot be turned on: \(String(describing: failure))")
  }
}

extension Engine {
  /// Sends a packet from the other end, and answers with the facts that it arrives with.
  mutating func facts(
    of bytes: [UInt8], from ports: [Port], _ tap: PacketTap
  ) throws -> PacketFacts {
    try tap.send(bytes)
    let end = ContinuousClock.now + Lane.patience
    while ContinuousClock.now < end, try wait(timeout: .milliseconds(20)) {
      for port in ports {
        guard let frame = receive(from: port) else { continue }
        let facts = frame.facts
        release(frame)
        return try unwrap(facts, "a packet without facts")
      }
    }
    throw Failure("a packet does not arrive")
  }
}

/// An engine that asks the driver, with one port; it is there until a signal or its interface's
/// end.
func ask(_ name: String) throws {
  var engine = try Engine(Lane.askingDriver)
  let port = try engine.bind(name, queue: 0, mode: .copy)
  try engine.steer(.everything)
  try engine.stopOnSignals()
  say("ready")
  var isAsked = false
  while try engine.wait() {
    while let frame = engine.receive(from: port) {
      // Which packets a driver has a hash of is its business; of UDP every one has.
      if frame.facts?.hasDriverHash == true, !isAsked {
        isAsked = true
        say("its hash")
      }
      engine.release(frame)
    }
  }
}

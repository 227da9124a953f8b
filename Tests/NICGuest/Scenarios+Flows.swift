import Martlet
import MartletTestKit

/// A flow in another process's hands, and rules that change.
extension Lane {
  /// A process without any capability reads a flow's packets where the NIC wrote them.
  func export() throws -> Outcome {
    var engine = try Engine(configuration(Self.groups))
    let ports = try bind(&engine, Self.queues())
    try engine.steer(.everything)
    try engine.place(Self.first.key, on: ports[1])
    let tap = try PacketTap(Self.peer)
    try engine.warmUp(
      [ports[1]], by: tap, with: Numbered.datagram(0, of: Self.first, byteCount: 100))
    var made: FlowExport?
    let consumer = try Consumer(["verify", "drop"]) { socket in
      // Nobody else is on the cable.
      var terms = ExportTerms()
      terms.isClosedWorld = true
      made = try engine.export(Self.firstGroup, to: socket, terms)
    }
    let export = try unwrap(made, "no export")
    var outcome = Outcome(packets: 320)
    for start in stride(from: 0, to: outcome.packets, by: 32) {
      let frames = (start..<start + 32).map {
        Numbered.datagram($0, of: Self.first, byteCount: 60 + ($0 &* 41) % 1400)
      }
      try tap.send(frames)
      let end = ContinuousClock.now + Self.patience
      while engine.report(of: export)?.dropped != UInt64(start + 32), ContinuousClock.now < end,
        try engine.wait(timeout: .milliseconds(20))
      {
        engine.deliver(from: ports[1], to: export)
      }
    }
    let report = try unwrap(engine.report(of: export), "no report")
    try demand(report.peer?.user == 65_534, "its user is \(String(describing: report.peer))")
    try demand(report.copied == 0, "\(report.copied) packets were copied")
    try engine.demandConserved()
    engine.end(export)
    let numbers = try consumer.finish()
    outcome.delivered = numbers["good"] ?? 0
    outcome.corrupt = numbers["bad"] ?? 0
    outcome.note = "read in place by user 65534 without a capability"
    return try outcome.held()
  }

  /// Rules change while packets come: each packet goes where the rules before or after say.
  func rules() throws -> Outcome {
    var engine = try Engine(configuration(Self.groups))
    let ports = try bind(&engine, Self.queues())
    let everything = try engine.apply(RuleChange([.add(Rule(.everything, .socket))]))
    if hasHash { try engine.place(Self.first.key, on: ports[1]) }
    let tap = try PacketTap(Self.peer)
    let stack = try PacketTap(Self.nic, etherType: 0x0800)
    let datagram = Numbered.datagram(0, of: Self.first, byteCount: 100)
    try engine.warmUp(ports, by: tap, with: datagram)
    let own = Match.udp(destinationPort: Flow.destinationPort).from(Self.first)
    var outcome = Outcome()
    var number = 0
    for round in 0..<8 {
      let batch = (0..<40).map { Numbered.datagram(number + $0, of: Self.first, byteCount: 200) }
      var here = 0
      func each(_ bytes: [UInt8], _: UInt64, _ port: Port) {
        here += 1
        if Numbered.number(of: bytes) == nil { outcome.corrupt += 1 }
        if hasHash, port != ports[1] { outcome.outside += 1 }
      }
      // Half of them are on their way when the rules change.
      try tap.send(Array(batch[..<20]))
      let added = try engine.apply(RuleChange([.add(Rule(own, .kernel, priority: 1))]))
      try engine.take(
        from: ports, for: .milliseconds(60), until: { here >= 20 }, each: each)
      let before = here
      try tap.send(Array(batch[20...]))
      let passed = try stack.receive(40 - before, timeout: Self.patience)
      outcome.corrupt += passed.filter { Numbered.number(of: $0) == nil }.count
      try engine.take(from: ports, for: .zero, until: { false }, each: each)
      try demand(here == before, "round \(round): \(here - before) packets after the change")
      outcome.packets += 40
      outcome.delivered += here + passed.count
      try engine.apply(RuleChange(added.map { .remove($0) }))
      number += 40
    }
    let back = (0..<32).map { Numbered.datagram(number + $0, of: Self.first, byteCount: 200) }
    outcome.packets += 32
    outcome.delivered += try engine.pass(back, by: tap, to: ports) { bytes, _, _ in
      if Numbered.number(of: bytes) == nil { outcome.corrupt += 1 }
    }
    try demand(engine.rules.map(\.id) == everything, "rules are left: \(engine.rules)")
    try engine.demandConserved()
    outcome.note = "16 changes under traffic: each packet by the rules before or after"
    return try outcome.held()
  }
}

/// A process that is nobody and was given a flow group: Tests/Consumer.
final class Consumer {
  private let child: ChildProcess

  init(_ mode: [String], _ give: (consuming PeerSocket) throws -> Void) throws {
    let path = "/tmp/flows"
    let listener = try PeerListener(path: path, mode: 0o666)
    child = try ChildProcess(["Consumer", path] + mode)
    guard let socket = try listener.accept(timeout: Lane.patience) else {
      throw Failure("the consumer does not connect: \(said)")
    }
    try give(socket)
    try demand(
      try child.waitForOutput("ready", timeout: Lane.patience), "the consumer is not ready: \(said)"
    )
  }

  private var said: String {
    String(decoding: child.standardOutput + child.standardError, as: UTF8.self)
  }

  /// Waits until it has ended by itself, and answers with the numbers it printed by name.
  func finish() throws -> [String: Int] {
    let status = try child.wait(timeout: Lane.patience)
    try demand(status == .exited(0), "the consumer did not end well: \(said)")
    var numbers: [String: Int] = [:]
    for word in said.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=")
      if parts.count == 2 { numbers[String(parts[0])] = Int(parts[1]) }
    }
    return numbers
  }
}

func unwrap<T>(_ value: T?, _ otherwise: String) throws -> T {
  guard let value else { throw Failure(otherwise) }
  return value
}

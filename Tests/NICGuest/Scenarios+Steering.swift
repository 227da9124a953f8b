import Martlet
import MartletTestKit

/// Flows on queues of their own, in pages of their own.
extension Lane {
  static let first = Flow(isVersion6: false, port: 5000)
  static let second = Flow(isVersion6: false, port: 5001)
  static let firstGroup = FlowGroup(index: 1)
  static let secondGroup = FlowGroup(index: 2)

  /// Two groups with arenas of their own, and memory for the rest.
  static var groups: Engine.Configuration {
    var configuration = Engine.Configuration()
    configuration.memory = 2 << 20
    configuration.groups = [.init(), .init(arena: 1 << 20), .init(arena: 1 << 20)]
    return configuration
  }

  /// Every queue of the NIC, the second and third of groups.
  static func queues() throws -> [QueueName] {
    try QueueName.all(of: nic).map { name in
      QueueName(
        nic, queue: name.queue,
        group: (1...2).contains(name.queue)
          ? FlowGroup(index: name.queue) : .shared)
    }
  }

  /// Flows that are not in a bucket of the named ones.
  static func strangers(_ count: Int, to named: [Flow]) throws -> [Flow] {
    let settings = try RSSSettings(of: Interface(named: nic))
    let taken = try Set(named.map { try settings.bucket(of: $0.key) })
    var flows: [Flow] = []
    for port in UInt16(6000)...7000 where flows.count < count {
      let flow = Flow(isVersion6: port % 2 == 1, port: port)
      if try !taken.contains(settings.bucket(of: flow.key)) { flows.append(flow) }
    }
    return flows
  }

  /// A flow of the same bucket.
  static func intruder(on flow: Flow, besides others: [Flow] = []) throws -> Flow {
    let settings = try RSSSettings(of: Interface(named: nic))
    let bucket = try settings.bucket(of: flow.key)
    for port in UInt16(20_000)...30_000 {
      let other = Flow(isVersion6: flow.isVersion6, port: port)
      if try settings.bucket(of: other.key) == bucket { return other }
    }
    throw Failure("no port hashes to bucket \(bucket)")
  }

  /// Two queues over one packet memory, each with a fill ring that is stocked from its own pages:
  /// whichever queue a packet arrives on, it lies in that queue's pages.
  func twoQueues() throws -> Outcome {
    var engine = try Engine(configuration(Self.groups))
    let all = try bind(&engine, Self.queues())
    try engine.steer(.everything)
    try engine.place(Self.first.key, on: all[1])
    try engine.place(Self.second.key, on: all[2])
    let ports = [all[1], all[2]]
    let tap = try PacketTap(Self.peer)
    var outcome = Outcome(packets: 400)
    for (flow, port) in zip([Self.first, Self.second], ports) {
      try engine.warmUp([port], by: tap, with: Numbered.datagram(0, of: flow, byteCount: 100))
    }
    let frames = (0..<400).map {
      Numbered.datagram(
        $0, of: $0 % 2 == 0 ? Self.first : Self.second, byteCount: 60 + ($0 &* 37) % 1400)
    }
    let arenas = [1, 2].map { Self.groups.arena(of: FlowGroup(index: $0)) }
    outcome.delivered = try engine.pass(frames, by: tap, to: ports) { bytes, address, port in
      if Numbered.number(of: bytes) == nil { outcome.corrupt += 1 }
      if !arenas[port == ports[0] ? 0 : 1].contains(address) { outcome.outside += 1 }
    }
    for port in ports {
      let received = engine.report(of: port).received.packets
      try demand(received >= 200, "queue \(port.index) has \(received)")
    }
    try engine.demandConserved()
    outcome.note = "200 packets on each of two queues, each in its own arena"
    return try outcome.held()
  }

  /// Two flows get queues of their own by their buckets; no other packet lies in their pages.
  func steered() throws -> Outcome {
    var engine = try Engine(configuration(Self.groups))
    let ports = try bind(&engine, Self.queues())
    try engine.steer(.everything)
    for (flow, group) in [(Self.first, Self.firstGroup), (Self.second, Self.secondGroup)] {
      let placement = try engine.place(flow.key, on: ports[group.index])
      try demand(
        placement.description.hasPrefix("steered (bucket)"), "placed: \(placement)")
    }
    for group in [Self.firstGroup, Self.secondGroup] {
      let placement = engine.placement(of: group)
      try demand(placement.description.hasPrefix("steered (bucket)"), "group: \(placement)")
    }
    let tap = try PacketTap(Self.peer)
    let strangers = try Self.strangers(8, to: [Self.first, Self.second])
    let flows = [Self.first, Self.second] + strangers
    for flow in [Self.first, Self.second, strangers[0]] {
      try engine.warmUp(ports, by: tap, with: Numbered.datagram(0, of: flow, byteCount: 100))
    }
    var outcome = Outcome(packets: 800)
    let frames = (0..<800).map { number in
      let flow = number % 2 == 0 ? flows[number / 2 % 2] : flows[2 + number / 2 % 8]
      return Numbered.datagram(number, of: flow, byteCount: 80 + (number &* 29) % 1300)
    }
    var purity = Purity(Self.groups)
    outcome.delivered = try engine.pass(frames, by: tap, to: ports) { bytes, address, _ in
      if Numbered.number(of: bytes) == nil { outcome.corrupt += 1 }
      purity.note(Numbered.port(of: bytes), at: address)
    }
    outcome.outside = purity.outside
    try demand(purity.own == 400 && purity.value == 1, "\(purity.own) own, purity \(purity.value)")
    try engine.demandConserved()
    outcome.note = "two flows on queues 1 and 2 by their buckets, eight others; purity 1.0"
    return try outcome.held()
  }

  /// Strangers of the flow's bucket lie in its pages: they are counted, the export is refused, and
  /// whoever maps the arena would see them.
  func intruders() throws -> Outcome {
    var engine = try Engine(configuration(Self.groups))
    let ports = try bind(&engine, Self.queues())
    try engine.steer(.everything)
    let tap = try PacketTap(Self.peer)
    try engine.place(Self.first.key, on: ports[1])
    let stranger = try Self.intruder(on: Self.first)
    for flow in [Self.first, stranger] {
      try engine.warmUp(ports, by: tap, with: Numbered.datagram(0, of: flow, byteCount: 100))
    }
    var outcome = Outcome(packets: 400)
    let frames = (0..<400).map {
      Numbered.datagram($0, of: $0 % 4 == 0 ? stranger : Self.first, byteCount: 400)
    }
    var purity = Purity(Self.groups)
    outcome.delivered = try engine.pass(frames, by: tap, to: ports) { bytes, address, _ in
      if Numbered.number(of: bytes) == nil { outcome.corrupt += 1 }
      purity.note(Numbered.port(of: bytes), at: address)
    }
    try demand(purity.strangers == 100, "\(purity.strangers) of 100 strangers were counted")
    // What copies shows the group's pages only what is for its socket.
    if hasZeroCopy {
      let (near, far) = try PeerSocket.pair()
      defer { closeDescriptor(far) }
      let socket = PeerSocket(near)
      let error = try refusalOfExport(&engine, socket)
      try demand(error.kind == .notExportable, "\(error)")
    }
    let found = try scan(&engine, ports, tap, stranger)
    try demand(
      (found > 0) == hasZeroCopy, "a scan of the arena found the stranger's bytes \(found) times")
    outcome.note =
      "\(purity.strangers) strangers of one bucket in its pages, purity \(purity.value); "
      + (hasZeroCopy
        ? "the export is refused, and a process that maps the arena sees them"
        : "what is not for the socket is not copied: no byte of a stranger in the arena")
    guard outcome.corrupt == 0, outcome.delivered == 400 else { return try outcome.held() }
    return outcome
  }

  private func refusalOfExport(
    _ engine: inout Engine, _ socket: consuming PeerSocket
  ) throws -> XDPError {
    do throws(XDPError) {
      _ = try engine.export(Self.firstGroup, to: socket, ExportTerms())
    } catch {
      return error
    }
    throw Failure("the export of a bucket is not refused")
  }

  /// Steers the flow alone, exports its arena all the same, and has a process without privileges
  /// look for what a stranger sends that no rule names.
  private func scan(
    _ engine: inout Engine, _ ports: [Port], _ tap: PacketTap, _ stranger: Flow
  ) throws -> Int {
    let own = Match.udp(destinationPort: Flow.destinationPort).from(Self.first)
    var change = RuleChange(engine.rules.map { .remove($0.id) })
    change.add(Rule(own, .socket))
    try engine.apply(change)
    let marker = "a stranger's marker"
    var made: FlowExport?
    let consumer = try Consumer(["scan", marker]) { socket in
      var terms = ExportTerms()
      terms.isClosedWorld = true
      made = try engine.export(Self.firstGroup, to: socket, terms)
    }
    let export = try unwrap(made, "no export")
    for _ in 0..<10 {
      try tap.send((0..<20).map { _ in stranger.datagram(Array(marker.utf8)) })
      for _ in 0..<5 where try engine.wait(timeout: .milliseconds(10)) {
        engine.deliver(from: ports[1], to: export)
      }
    }
    engine.end(export)
    return try consumer.finish()["found"] ?? -1
  }
}

/// What lay in the first two groups' arenas.
struct Purity {
  private let arenas: [Range<UInt64>]
  private let ports: [UInt16]
  var own = 0
  var strangers = 0
  private var elsewhere = 0

  init(_ configuration: Engine.Configuration) {
    arenas = [1, 2].map { configuration.arena(of: FlowGroup(index: $0)) }
    ports = [Lane.first.port, Lane.second.port]
  }

  mutating func note(_ port: UInt16, at address: UInt64) {
    let arena = arenas.firstIndex { $0.contains(address) }
    let wanted = ports.firstIndex(of: port)
    switch (arena, wanted) {
    case let (arena?, wanted?) where arena == wanted: own += 1
    case (.some, _): strangers += 1
    case (nil, .some): elsewhere += 1
    case (nil, nil): break
    }
  }

  /// Packets of the flows that lay elsewhere, and others that lay in their pages.
  var outside: Int { strangers + elsewhere }

  var value: Double { Double(own) / Double(max(1, own + strangers)) }
}

extension Match {
  /// The same, but only what comes from a flow's port.
  func from(_ flow: Flow) -> Match {
    var match = self
    match.sourcePorts = .is(flow.port...flow.port)
    return match
  }
}

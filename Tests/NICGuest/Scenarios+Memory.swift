import Glibc
import Martlet
import MartletTestKit

/// Receiving into packet memory of every kind.
extension Lane {
  /// Packets of every length arrive whole in memory that is cut up like this, all of which comes
  /// back.
  func sink(
    packets: Int = 300, pages: PageKind = .small, _ change: (inout Engine.Configuration) -> Void
  ) throws -> Outcome {
    var configuration = Engine.Configuration()
    configuration.isUnaligned = false
    configuration.memory = 1 << 20
    configuration.pages = pages
    change(&configuration)
    var engine = try Engine(configuration)
    try demand(
      engine.pages == pages, "other pages: \(engine.pageFallback ?? "without a reason")")
    let port = try bind(&engine)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    let most = min(1514, configuration.chunkSize - configuration.headroom - 256)
    var outcome = Outcome(packets: packets)
    let slots = SlotCheck(configuration)
    let frames = (0..<packets).map {
      Numbered.frame($0, byteCount: $0 == 0 ? most : 60 + ($0 &* 97) % (most - 59))
    }
    var next = 0
    outcome.delivered = try engine.pass(frames, by: tap, to: [port]) { bytes, address, _ in
      if bytes != frames[next % packets] { outcome.corrupt += 1 }
      if !slots.isRight(address, bytes.count) { outcome.outside += 1 }
      next += 1
    }
    try engine.demandConserved()
    let report = engine.report(of: port)
    try demand(
      report.dropped.tooLong == 0 && report.dropped.receiveRingFull == 0 && report.untrusted == 0,
      "dropped: \(report.dropped), untrusted: \(report.untrusted)")
    outcome.note = "\(configuration.chunkSize)-byte chunks, packets of up to \(most) bytes"
    return try outcome.held()
  }

  /// Chunks of 2,048 bytes: where the driver would cut packets up, they are refused.
  func smallChunks() throws -> Outcome {
    guard hasQuirks else { return try sink { _ in } }
    return try refused("cuts up packets of more than 1024 bytes") { $0.isUnaligned = false }
  }

  /// Zero copy is refused in such memory, with words about the driver.
  private func refused(
    _ words: String, _ change: (inout Engine.Configuration) -> Void
  ) throws -> Outcome {
    var configuration = Engine.Configuration()
    change(&configuration)
    var engine = try Engine(configuration)
    let error = try refusal(words) { () throws(XDPError) in
      _ = try engine.bind(Self.simple.nic, queue: 0, mode: .zeroCopy)
    }
    try demand(error.kind == .modeRefused && error.reason.contains(words), "\(error)")
    return Outcome(note: error.reason)
  }

  /// Slots anywhere in a page.
  ///
  /// More packets than slots: one that the device had thrown away, as it
  /// does with those that lie across pages that are not side by side, would be missed.
  func unaligned(_ pages: PageKind) throws -> Outcome {
    guard !hasQuirks else { return try refused("unaligned chunks") { $0.isUnaligned = true } }
    return try sink(packets: 1200, pages: pages) {
      $0.isUnaligned = true
      $0.memory = pages == .huge ? 2 << 20 : 256 << 10
    }
  }

  /// The frames of a group lie in a file of their own.
  func arenas() throws -> Outcome {
    let group = FlowGroup(index: 1)
    var configuration = configuration()
    configuration.memory = 1 << 20
    configuration.groups = [.init(), .init(arena: 512 << 10), .init(arena: 512 << 10)]
    var engine = try Engine(configuration)
    let port = try bind(&engine, group: group)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer)
    let isEmpty = try staysEmpty(engine, group, by: tap)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    var outcome = Outcome(packets: 400)
    let arena = configuration.arena(of: group)
    let frames = (0..<400).map { Numbered.frame($0, byteCount: 60 + ($0 &* 31) % 1400) }
    outcome.delivered = try engine.pass(frames, by: tap, to: [port]) { bytes, address, _ in
      if Numbered.number(of: bytes) == nil { outcome.corrupt += 1 }
      if !arena.contains(address) { outcome.outside += 1 }
    }
    try engine.demandConserved()
    outcome.note =
      "memory of three sealed files, all packets in the second"
      + (isEmpty ? ", none before the engine waits" : "")
    return try outcome.held()
  }

  /// Whether a NIC with filters keeps a group's pages empty for the flow that they will lead there,
  /// whatever arrives before; throws if it does not.
  private func staysEmpty(
    _ engine: borrowing Engine, _ group: FlowGroup, by tap: PacketTap
  ) throws -> Bool {
    let hasFilters = try QueueSteering(Interface(named: Self.simple.nic)).ways.contains(.filters)
    guard hasZeroCopy, hasFilters else { return false }
    for round in 0..<10 {
      try tap.send((0..<16).map { Numbered.frame(round * 16 + $0, byteCount: 400) })
      usleep(20_000)
    }
    let bytes = engine.memory(of: group)
    for place in stride(from: 0, to: bytes.byteCount, by: 8) {
      try demand(bytes.word(at: place) == 0, "a packet came before the engine waited")
    }
    return true
  }

  /// An engine that falls behind until the driver has no frame left to receive into, and then goes
  /// on: no packet arrives twice or with other bytes, and packets come again.
  ///
  /// More packets than a NIC's ring has entries, so that it goes round. In the guest they wait for
  /// frames; copy mode and real NICs throw away what finds none.
  func runDry() throws -> Outcome {
    if hasQuirks { return Outcome(note: "not here: the driver repeats packets") }
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 20
    configuration.fillDepth = 48
    var engine = try Engine(configuration)
    let port = try bind(&engine)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    var outcome = Outcome(packets: 12 * 144)
    var last = -1
    for start in stride(from: 0, to: outcome.packets, by: 144) {
      try tap.send((start..<start + 144).map { Numbered.frame($0, byteCount: 60 + $0 % 700) })
      usleep(100_000)
      var count = 0
      var before = -1
      while count < 144, count != before {
        before = count
        try engine.take(
          from: [port], for: .milliseconds(400), until: { count >= 144 },
          each: { bytes, _, _ in
            count += 1
            // With other bytes, twice, or from a chunk that another packet has by now.
            let number = Numbered.number(of: bytes) ?? -1
            if number <= last { outcome.corrupt += 1 }
            last = max(last, number)
          })
      }
      try demand(count >= 48, "\(count) packets of 144 for 48 frames")
      outcome.delivered += count
    }
    try engine.demandConserved()
    if !hasZeroCopy || !HostLine.isThere { outcome.packets = outcome.delivered }
    outcome.note = "12 times 144 packets at once for 48 frames, none came twice"
    return try outcome.held()
  }

  /// An engine that sleeps is woken by each packet.
  func wakeUp() throws -> Outcome {
    var engine = try Engine(configuration())
    let port = try bind(&engine)
    try engine.steer(.everything)
    let tap = try PacketTap(Self.simple.peer)
    try engine.warmUp([port], by: tap, with: Numbered.frame(0, byteCount: 60))
    var outcome = Outcome(packets: 50)
    for number in 0..<outcome.packets {
      try tap.send(Numbered.frame(number, byteCount: 200))
      let start = ContinuousClock.now
      var count = 0
      while count == 0, try engine.wait(timeout: .seconds(5)) {
        try demand(start.duration(to: .now) < .seconds(4), "packet \(number) woke nobody")
        while let frame = engine.receive(from: port) {
          if Numbered.number(of: engine.content(of: frame)) != number { outcome.corrupt += 1 }
          engine.release(frame)
          count += 1
        }
      }
      outcome.delivered += count
    }
    outcome.note = "one packet at a time, each wakes the engine"
    return try outcome.held()
  }
}

/// Where a received packet may lie.
struct SlotCheck {
  private let chunkSize, headroom: Int
  private let isUnaligned, mayCross: Bool

  init(_ configuration: Engine.Configuration) {
    chunkSize = configuration.chunkSize
    headroom = configuration.headroom
    isUnaligned = configuration.isUnaligned ?? true
    mayCross = configuration.pages == .huge
  }

  /// Whether the packet has its headroom and its slot lies in one chunk, or one page.
  func isRight(_ address: UInt64, _ byteCount: Int) -> Bool {
    let base = Int(address) - 256 - headroom
    guard base >= 0, byteCount <= chunkSize - 256 - headroom else { return false }
    guard isUnaligned else { return base % chunkSize == 0 }
    return mayCross || base / 4096 == (base + chunkSize - 1) / 4096
  }
}

extension Engine.Configuration {
  /// Where the arena of a group lies: behind what all share, in their order.
  func arena(of group: FlowGroup) -> Range<UInt64> {
    var start = UInt64(memory)
    for index in groups.indices {
      guard let size = groups[index].arena else { continue }
      if index == group.index { return start..<start + UInt64(size) }
      start += UInt64(size)
    }
    return 0..<0
  }
}

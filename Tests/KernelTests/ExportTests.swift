import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Flow groups in the hands of processes without any privilege.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct ExportTests {
  /// What the consumer checks: a number, and bytes that follow from number and place.
  private static func content(_ number: Int, _ length: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      + (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
  }

  @Test(
    "A flow of datagrams is read in place by a process that is nobody",
    arguments: PacketBuilder.Version.allCases, [false, true])
  func datagrams(_ version: PacketBuilder.Version, _ isUnaligned: Bool) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var configuration = ExportSetup.configuration
      configuration.isUnaligned = isUnaligned
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0, group: ExportSetup.first)
      try engine.steer(.udp(destinationPort: 4789), to: port)
      var made: FlowExport?
      let consumer = try ConsumerProcess(["verify", "drop"]) { socket in
        made = try engine.export(ExportSetup.first, to: socket, ExportTerms())
      }
      let export = try #require(made)
      var builder = PacketBuilder()
      builder.version = version
      builder.destination.port = 4789
      for round in 0..<20 {
        for number in round * 50..<round * 50 + 50 {
          try tap.send(builder.udp(payload: Self.content(number, number % 1400)))
        }
        let wanted = UInt64(round * 50 + 50)
        try engine.turn([(port, export)]) { engine, _ in
          engine.report(of: export)?.dropped == wanted
        }
      }
      let report = try unwrap(engine.report(of: export))
      expectEqual(report.dropped, 1000)
      expectEqual(report.stalled + report.refused + report.unfit + report.copied, 0)
      #expect(report.peer?.user == 65534)
      engine.expectConserved()
      engine.end(export)
      let numbers = try consumer.finish()
      #expect(numbers["good"] == 1000 && numbers["bad"] == 0)
      expect(!engine.isArenaSeen(of: ExportSetup.first))
    }
  }

  @Test("A consumer that is killed under traffic loses its packets; the next one goes on")
  func killed() async throws {
    try await withNetworkNamespace {
      var bench = try TwoFlows()
      for _ in 0..<3 {
        var export: FlowExport?
        let consumer = try ConsumerProcess(["spend", "drop"]) { socket in
          export = try bench.engine.export(ExportSetup.first, to: socket, ExportTerms())
        }
        let name = try #require(export)
        try bench.pass(200, to: name)
        try consumer.kill()
        try bench.pass(200, to: name)
        try bench.waitForEnd(of: name)
        expect(!bench.engine.isOpen(name))
        let report = try unwrap(bench.engine.report(of: name))
        #expect(report.ending == .peerGone)
        expect(!bench.engine.isArenaSeen(of: ExportSetup.first))
        bench.engine.expectConserved()
        expectEqual(bench.engine.ledger().received, 0)
      }
    }
  }

  @Test("A consumer that hangs loses its own packets only")
  func hangs() async throws {
    try await withNetworkNamespace {
      var bench = try TwoFlows()
      var export: FlowExport?
      let consumer = try ConsumerProcess(["hang"]) { socket in
        var terms = ExportTerms()
        terms.stallLimit = nil
        export = try bench.engine.export(ExportSetup.first, to: socket, terms)
      }
      let name = try #require(export)
      try bench.pass(2000, to: name)
      let report = try unwrap(bench.engine.report(of: name))
      #expect(report.ending == nil && report.outstanding == 512 && report.stalled == 1488)
      bench.engine.expectConserved()
      try consumer.kill()
      try bench.waitForEnd(of: name)
      expectEqual(bench.engine.report(of: name)?.broughtHome, 512)
      expectEqual(bench.engine.ledger().received, 0)
    }
  }

  @Test("A consumer that stalls loses its export in the end")
  func stalls() async throws {
    try await withNetworkNamespace {
      var bench = try TwoFlows()
      var export: FlowExport?
      let consumer = try ConsumerProcess(["hang"]) { socket in
        var terms = ExportTerms()
        terms.stallLimit = .milliseconds(500)
        export = try bench.engine.export(ExportSetup.first, to: socket, terms)
      }
      let name = try #require(export)
      try bench.pass(20, to: name)
      try bench.waitForEnd(of: name)
      let report = try unwrap(bench.engine.report(of: name))
      #expect(report.ending == .stalled && report.broughtHome > 0)
      bench.engine.expectConserved()
      expectEqual(bench.engine.ledger().received, 0)
      try consumer.kill()
    }
  }

  @Test("A consumer that attacks is cut off, and the other flow loses nothing", arguments: 0..<4)
  func attacks(_ seed: Int) async throws {
    try await withNetworkNamespace {
      var bench = try TwoFlows()
      var export: FlowExport?
      let consumer = try ConsumerProcess(["attack", "\(seed)"]) { socket in
        export = try bench.engine.export(ExportSetup.first, to: socket, ExportTerms())
      }
      let name = try #require(export)
      try bench.pass(1000, to: name)
      bench.engine.end(name)
      let numbers = try consumer.finish()
      #expect(numbers["allowed"] == 0)
      bench.engine.expectConserved()
      expectEqual(bench.engine.ledger().received, 0)
      try bench.pass(100, to: name)
    }
  }

  @Test("A consumer finds no byte of the other flow in all that it can see")
  func scans() async throws {
    try await withNetworkNamespace {
      var bench = try TwoFlows()
      var export: FlowExport?
      let consumer = try ConsumerProcess(["scan", "a stranger's marker"]) { socket in
        export = try bench.engine.export(ExportSetup.first, to: socket, ExportTerms())
      }
      let name = try #require(export)
      bench.trailer = Array("a stranger's marker".utf8)
      try bench.pass(1000, to: name)
      bench.engine.end(name)
      let numbers = try consumer.finish()
      #expect(numbers["found"] == 0 && numbers["bytes"] == 2 << 20)
    }
  }

  @Test("A tenant sends from an arena of its own")
  func tenant() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine(ExportSetup.configuration)
      let port = try engine.bind("near", queue: 0, group: ExportSetup.first)
      var lease: FlowExport?
      let tenant = try ConsumerProcess(["write", "1000"]) { socket in
        lease = try engine.lease(
          ExportSetup.tenant, to: socket, ExportTerms(forwardPort: port))
      }
      let name = try #require(lease)
      var packets: [[UInt8]] = []
      let end = ContinuousClock.now + patience
      while packets.count < 1000, ContinuousClock.now < end {
        try engine.turn([], for: .milliseconds(5))
        packets += try tap.collect(1000 - packets.count, within: .milliseconds(5))
      }
      expectSame(packets, (0..<1000).map { frame(number: $0, length: 60 + $0 % 1000) })
      let report = try unwrap(engine.report(of: name))
      #expect(report.packets == 1000 && report.refused == 0)
      engine.expectConserved()
      engine.end(name)
      #expect(try tenant.finish()["sent"] == 1000)
      try engine.waitForCompletions()
      expect(engine.clearArena(of: ExportSetup.tenant))
    }
  }
}

/// Two flows into one engine, each on an interface and in a group of its own.
private struct TwoFlows: ~Copyable {
  var engine: Engine
  let first: Port
  let second: Port
  /// What stands at the end of each packet of the second flow.
  var trailer: [UInt8] = []
  private let taps: [PacketTap]

  init() throws {
    _ = try VethPair("near", "far")
    _ = try VethPair("left", "right")
    let taps = [try PacketTap("far"), try PacketTap("right")]
    var engine = try Engine(ExportSetup.configuration)
    let first = try engine.bind("near", queue: 0, group: ExportSetup.first)
    let second = try engine.bind("left", queue: 0, group: ExportSetup.second)
    try engine.steer(.everything)
    (self.first, self.second) = (first, second)
    self.taps = taps
    self.engine = engine
  }

  /// Turns the loop until an export is over: the engine looks at its sockets when it sleeps.
  mutating func waitForEnd(of export: FlowExport) throws {
    try engine.turn([(first, export)]) { engine, _ in !engine.isOpen(export) }
  }

  /// Sends as many packets of each flow, the first to an export; none of the second is lost.
  mutating func pass(_ count: Int, to export: FlowExport) throws {
    var seen = 0
    for round in 0..<count / 20 {
      for number in 0..<20 {
        try taps[0].send(frame(number: number, length: 200))
        try taps[1].send(frame(number: number, length: 200) + trailer)
      }
      let wanted = round * 20 + 20 - seen
      seen += try engine.turn([(first, export), (second, nil)]) { _, count in count >= wanted }
    }
    expectEqual(seen, count)
  }
}

import Expectations
import Martlet
import MartletTestKit
import Synchronization
import Testing

private let sockets = KernelFeature.sockets

/// Whole conversations through a process without any privilege.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct ExportForwardTests {
  @Test("A TCP connection lives whose packets two processes that are nobody pass on")
  func connection() async throws {
    try await withNetworkNamespace {
      let crossing = try Crossing(ipv6: true)
      let relay = ConsumerRelay("left", "right")
      try crossing.waitForPassage()
      let content = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
      #expect(try crossing.transfer(content) == content)
      #expect(
        try crossing.client.run {
          try ping(Crossing.serverAddress6, count: 20, timeout: 5)
        } == 20)
      let outcome = try relay.finish()
      for report in outcome.reports {
        #expect(report.forwarded > 100 && report.dropped == 0 && report.refused == 0)
        #expect(report.copied == 0 && report.unfit == 0)
      }
      #expect(outcome.disagreement == nil)
    }
  }

  @Test("A verdict takes packets to the network stack, through a port at whose end that is")
  func kernel() async throws {
    try await withNetworkNamespace {
      // The stack is behind `inner`, which has the address; packets for it come in at `near`.
      let far = try NetworkNamespace()
      _ = try VethPair("near", "far") {
        $0.farNamespace = far
        $0.farAddress = Crossing.clientAddress + "/24"
      }
      _ = try VethPair("punt", "inner") { $0.farAddress = Crossing.serverAddress + "/24" }
      var engine = try Engine(ExportSetup.configuration)
      let near = try engine.bind("near", queue: 0, group: ExportSetup.first)
      let punt = try engine.bind("punt", queue: 0)
      try engine.steer(.everything)
      var export: FlowExport?
      let consumer = try ConsumerProcess(["spend", "kernel"]) { socket in
        export = try engine.export(
          ExportSetup.first, to: socket, ExportTerms(kernelPort: punt))
      }
      let name = try unwrap(export)
      let echoes = TestThread { try far.run { try ping(count: 20, timeout: 5, flood: true) } }
      let end = ContinuousClock.now + patience
      while !echoes.isOver, ContinuousClock.now < end,
        try engine.wait(timeout: .milliseconds(5))
      {
        engine.deliver(from: near, to: name)
        while let frame = engine.receive(from: punt) { engine.send(frame, to: near) }
      }
      #expect(try echoes.join() == 20)
      engine.end(name)
      #expect(try (consumer.finish()["count"] ?? 0) >= 20)
      engine.expectConserved()
    }
  }

  @Test("A verdict takes packets back to the stack of the very interface they came from")
  func injection() async throws {
    try await withNetworkNamespace {
      let far = try NetworkNamespace()
      _ = try VethPair("near", "far") {
        $0.farNamespace = far
        $0.farAddress = Crossing.clientAddress + "/24"
        $0.nearAddress = Crossing.serverAddress + "/24"
      }
      var engine = try Engine(ExportSetup.configuration)
      let near = try engine.bind("near", queue: 0, group: ExportSetup.first)
      try engine.steer(.everything)
      var terms = ExportTerms()
      terms.injectsIntoStack = true
      var export: FlowExport?
      let consumer = try ConsumerProcess(["spend", "kernel"]) { socket in
        export = try engine.export(ExportSetup.first, to: socket, terms)
      }
      let name = try unwrap(export)
      let echoes = TestThread { try far.run { try ping(count: 50, timeout: 5, flood: true) } }
      try engine.turn([(near, name)]) { _, _ in echoes.isOver }
      #expect(try echoes.join() == 50)
      let report = try unwrap(engine.report(of: name))
      #expect(report.toKernel >= 50 && report.unfit == 0)
      engine.end(name)
      _ = try consumer.finish()
      engine.expectConserved()
    }
  }

  @Test("In generic mode nothing is put back: it would be taken off again")
  func genericInjection() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine(ExportSetup.configuration)
      _ = try engine.bind("near", queue: 0, group: ExportSetup.first, mode: .generic)
      var terms = ExportTerms()
      terms.injectsIntoStack = true
      do throws(XDPError) {
        let pair = try PeerSocket.pair()
        let far = PeerSocket(pair.far)
        _ = try engine.export(ExportSetup.first, to: PeerSocket(pair.near), terms)
        Issue.record("exported over descriptor \(far.fileDescriptor)")
      } catch {
        #expect(error.kind == .configuration && error.remedy.contains("kernelPort"))
      }
    }
  }
}

/// A wire between two interfaces whose packets each go through a process of their own; it runs on a
/// thread of its own until it is told to `finish`.
private final class ConsumerRelay: Sendable {
  struct Outcome: Sendable {
    var reports: [ExportReport] = []
    var disagreement: String?
  }

  private let isOver: Flag
  private let thread: TestThread<Outcome>

  /// Says to the thread that it is over; apart from the relay, so that the thread does not keep it.
  private final class Flag: Sendable {
    let value = Atomic<Bool>(false)
  }

  /// Packets pass some time after this returns.
  init(_ left: String, _ right: String) {
    let isOver = Flag()
    self.isOver = isOver
    thread = TestThread {
      try Self.run(left, right) { isOver.value.load(ordering: .relaxed) }
    }
  }

  /// Stops it and answers with its books.
  func finish() throws -> Outcome {
    isOver.value.store(true, ordering: .relaxed)
    return try thread.join()
  }

  deinit { isOver.value.store(true, ordering: .relaxed) }

  private static func run(
    _ left: String, _ right: String, until isOver: () -> Bool
  ) throws -> Outcome {
    var engine = try Engine(ExportSetup.configuration)
    let ports = [
      try engine.bind(left, queue: 0, group: ExportSetup.first),
      try engine.bind(right, queue: 0, group: ExportSetup.second),
    ]
    try engine.steer(.everything)
    var exports: [FlowExport] = []
    var consumers: [ConsumerProcess] = []
    for (number, group) in [ExportSetup.first, ExportSetup.second].enumerated() {
      let terms = ExportTerms(forwardPort: ports[1 - number])
      consumers.append(
        try ConsumerProcess(["spend", "forward"]) { socket in
          exports.append(try engine.export(group, to: socket, terms))
        })
    }
    while try engine.wait(timeout: .milliseconds(100)), !isOver() {
      for (port, export) in zip(ports, exports) { engine.deliver(from: port, to: export) }
    }
    var outcome = Outcome()
    outcome.disagreement = engine.firstDisagreement()
    for export in exports {
      if let report = engine.report(of: export) { outcome.reports.append(report) }
      engine.end(export)
    }
    for consumer in consumers { _ = try consumer.finish() }
    return outcome
  }
}

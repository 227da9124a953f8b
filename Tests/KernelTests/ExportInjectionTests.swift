import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Which verdicts put packets back in front of the stack, and how many at a time.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct ExportInjectionTests {
  /// Lets a consumer say `kernel` to `count` packets of an export that may inject, and hands over
  /// the engine before it has heard of it.
  private func sayKernel(
    _ count: Int, _ verdicts: Set<FlowVerdict>?,
    _ body: @escaping @Sendable (inout Engine, FlowExport) throws -> Void
  ) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine(ExportSetup.configuration)
      let port = try engine.bind("near", queue: 0, group: ExportSetup.first)
      try engine.steer(.udp(destinationPort: 4789), to: port)
      var terms = ExportTerms()
      terms.injectsIntoStack = true
      terms.verdicts = verdicts
      let pair = try PeerSocket.pair()
      let export = try engine.export(ExportSetup.first, to: PeerSocket(pair.near), terms)
      var reader = try FlowReader(connectedTo: pair.far)
      for number in 0..<count { try tap.send(datagram(number: number, port: 4789)) }
      try engine.turn([(port, export)]) { engine, _ in
        engine.report(of: export)?.packets == UInt64(count)
      }
      expectEqual(reader.forEach { _ in .kernel }, count)
      reader.flush()
      try body(&engine, export)
      engine.expectConserved()
    }
  }

  @Test("A verdict that is not permitted is refused, also where packets could be injected")
  func notPermitted() async throws {
    try await sayKernel(1, [.drop]) { engine, export in
      engine.serve(export)
      let report = try unwrap(engine.report(of: export))
      #expect(report.refused == 1 && report.toKernel == 0 && report.unfit == 0)
    }
  }

  @Test("No more than eight packets are injected at a time, and all in the end")
  func limit() async throws {
    try await sayKernel(20, nil) { engine, export in
      for wanted in [8, 16, 20, 20] {
        engine.serve(export)
        let report = try unwrap(engine.report(of: export))
        #expect(Int(report.toKernel) == wanted && report.unfit == 0)
      }
    }
  }
}

import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// How many instructions a packet costs: exact, so that a few more are seen.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct InstructionTests {
  @Test func knownFlowsAndNewOnes() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let six = {
        var builder = PacketBuilder()
        builder.version = .v6
        return builder.udp()
      }()
      for (port, (count, shapes)) in [(1, 1), (4096, 1), (4, 4), (8, 8)].enumerated() {
        // A flow of its own each time: the cache's tags outlive a change of the rules.
        var builder = PacketBuilder()
        builder.source.port = UInt16(2000 + port)
        let packet = builder.udp(payload: [1, 2])
        let rules = shapes == 1 ? CostTests.rules(count) : CostTests.shapes(shapes)
        try bench.program.setRules(rules)
        let interpreter = try Interpreter(bench.program, packet, bench.near)
        #expect(try interpreter.run() == 4)
        let new = interpreter.executed
        #expect(try interpreter.run() == 4)
        let second = interpreter.executed
        #expect(try interpreter.run() == 4)
        let known = interpreter.executed
        let costs = "known \(known), new \(new) and \(second)"
        print("instructions, \(count) rules, \(shapes) shapes: \(costs)")
        #expect(known <= (shapes == 1 ? 219 : 249), "a known flow")
        #expect(new <= (shapes == 1 ? 431 : 404 + 76 * shapes), "a new flow")
        // A flow's second packet puts it into the cache.
        #expect(second > new)
        #expect(second <= new + 114, "a new flow's second packet")
      }
      try bench.program.setRules([Rule(.ipProtocol(17), .socket), Rule(.arp, .drop)])
      let interpreter = try Interpreter(bench.program, six, bench.near)
      for _ in 0..<2 { _ = try interpreter.run() }
      #expect(try interpreter.run() == 4)
      print("instructions, IPv6: known \(interpreter.executed)")
      #expect(interpreter.executed <= 217)
    }
  }

  /// Mostly there are one or two ports and nothing is asked, for which there is a fast path.
  @Test func withoutRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("third", "peer")
      let (second, third) = (try Interface(named: "far"), try Interface(named: "third"))
      for further in [second, third] { try bench.program.attach(to: further, mode: .native) }
      try bench.program.setRules([Rule(.everything, .socket)])
      let ports = try [bench.near, second, third].map {
        try Interpreter(bench.program, ActionTests.udp, $0)
      }
      for port in ports { #expect(try port.run() == 4) }
      let fast = ports.map(\.executed)
      try bench.program.setHeartbeat(.seconds(60))
      #expect(try ports[0].run() == 4)
      let asked = ports[0].executed
      print("instructions, without rules: ports \(fast), with a heartbeat \(asked)")
      #expect(fast[0] <= 33)
      #expect(fast[1] <= 36)
      #expect(fast[2] <= 91)
      #expect(asked <= 89 && asked > fast[0])
    }
  }

  /// With all that forwarding may change.
  @Test func forwarded() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let lane = try ForwardTests.Lane()
      try bench.program.setRules([lane.rule])
      let interpreter = try Interpreter(bench.program, ActionTests.udp, bench.near)
      for _ in 0..<2 { _ = try interpreter.run() }
      #expect(try interpreter.run() == 4)
      print("instructions, forwarded: known \(interpreter.executed)")
      #expect(interpreter.executed <= 291)
    }
  }
}

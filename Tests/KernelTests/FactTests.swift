import Expectations
import MartletTestKit
import Testing

@testable import Martlet

private let sockets = KernelFeature.sockets

/// What the steering program found out about packets, lifted into their tokens.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct FactTests {
  private static func configuration(isStamped: Bool = false) -> Engine.Configuration {
    var configuration = Engine.Configuration()
    configuration.readsFacts = true
    configuration.stampsPackets = isStamped
    return configuration
  }

  @Test(
    "A packet's token says rule, flow and time, whatever becomes of the bytes in front of it",
    arguments: [ModeRequest.copy, .generic], [false, true])
  func facts(mode: ModeRequest, isUnaligned: Bool) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var configuration = Self.configuration(isStamped: true)
      configuration.isUnaligned = isUnaligned
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0, mode: mode)
      let text = "udp dst port 4789 -> socket\n* -> socket"
      let ids = try engine.apply(try RuleText.parseChange(text))
      for number in 0..<8 {
        try tap.send(datagram(number: number, flow: number % 2, port: 4789 + UInt16(number / 4)))
      }
      var found: [PacketFacts] = []
      let settlings: [Settling] = [.wholeSlot, .inPlace, .copyBreak(upTo: 2000), .pack]
      let end = ContinuousClock.now + patience
      while found.count < 8, ContinuousClock.now < end {
        expect(try engine.wait(timeout: .milliseconds(100)))
        while let frame = engine.receive(from: port) {
          let facts = try unwrap(frame.facts)
          var settled = engine.settle(frame, settlings[found.count % 4])
          expectEqual(settled.facts, facts)
          settled = engine.compact(settled)
          expectEqual(settled.facts, facts)
          expectEqual(settled.rule, facts.rule)
          expectEqual(settled.flowHash, facts.flowHash)
          found.append(facts)
          engine.release(settled)
        }
      }
      #expect(found.map(\.rule) == (0..<8).map { ids[$0 / 4] })
      // Two flows to each of two ports.
      #expect(Set(found.map(\.flowHash)).count == 4)
      try #require(found.count == 8)
      #expect(found[0].flowHash == found[2].flowHash && found[0].flowHash != found[1].flowHash)
      let times = found.compactMap(\.timestamp)
      #expect(times.count == 8 && times == times.sorted())
      expectEqual(engine.report(of: port).facts, .read)
      engine.expectConserved()
    }
  }

  @Test(
    "A forwarder's closure sees the facts; without a clock there is no time, without rules none")
  func closure() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      for readsFacts in [true, false] {
        var configuration = Self.configuration()
        configuration.readsFacts = readsFacts
        var engine = try Engine(configuration)
        let port = try engine.bind("near", queue: 0)
        try engine.steer(.everything)
        for number in 0..<20 { try tap.send(datagram(number: number)) }
        var found: [PacketFacts?] = []
        let end = ContinuousClock.now + patience
        while found.count < 20, ContinuousClock.now < end {
          expect(try engine.wait(timeout: .milliseconds(100)))
          engine.forward(from: port, to: port) { packet in
            found.append(packet.facts)
            return .drop
          }
        }
        #expect(found.count == 20)
        #expect(found.allSatisfy { ($0 != nil) == readsFacts })
        #expect(found.allSatisfy { $0?.timestamp == nil })
        expectEqual(engine.report(of: port).facts, (readsFacts ? .read : .off))
        engine.expectConserved()
      }
    }
  }

  @Test(
    "Once a packet came without facts, what stands in front of those that follow is not believed")
  func unwritten() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine(Self.configuration())
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      try tap.send(datagram(number: 0))
      expectSame(try engine.collect(1, from: port), [datagram(number: 0)])
      expectEqual(engine.report(of: port).facts, .read)
      let interface = try Interface(named: "near")
      let verdict = try engine.steering("try a packet") { program throws(XDPError) in
        try program.trial(
          of: [UInt8](repeating: 7, count: 8) + datagram(number: 1), behind: 8,
          interface: interface)
      }
      #expect(verdict == .redirect)
      try tap.send(datagram(number: 2))
      var facts: [PacketFacts?] = []
      let end = ContinuousClock.now + patience
      while facts.isEmpty, ContinuousClock.now < end {
        expect(try engine.wait(timeout: .milliseconds(100)))
        while let frame = engine.receive(from: port) {
          facts.append(frame.facts)
          engine.release(frame)
        }
      }
      #expect(facts == [nil])
      expectEqual(engine.report(of: port).facts, .unwritten)
    }
  }

  /// In generic mode alone, in which it is refused before any program is loaded for the device.
  @Test("Where no driver can be asked about packets, nothing is bound, and it is said why")
  func askedInVain() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Self.configuration()
      configuration.asksDriver = true
      var engine = try Engine(configuration)
      let said = refusal(&engine, "near", mode: .generic)?.description
      #expect(
        said
          == "ask the driver of near about packets: in generic mode no driver is asked; "
          + "use native mode, or do without the driver's facts")
      try expectNothingAttached(to: "near")
      engine.expectConserved()
    }
  }

  @Test("The first fragment of a jumbo packet has its facts, and so has the packet behind it")
  func jumbo() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 9000 }
      let tap = try PacketTap("far")
      var configuration = Self.configuration()
      configuration.takesFragments = true
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      let ids = try engine.apply(
        try RuleText.parseChange("udp dst port 4789 -> socket\n* -> socket"))
      let packets = (0..<12).map {
        datagram(number: $0, port: 4789 + UInt16($0 % 2), byteCount: $0 % 3 == 0 ? 40 : 7000)
      }
      for packet in packets { try tap.send(packet) }
      var rules: [RuleID?] = []
      let end = ContinuousClock.now + patience
      while rules.count < 12, ContinuousClock.now < end {
        expect(try engine.wait(timeout: .milliseconds(100)))
        while let frame = engine.receive(from: port) {
          expectEqual(frame.byteCount, packets[rules.count].count)
          rules.append(frame.rule)
          engine.release(engine.settle(frame))
        }
      }
      #expect(rules == (0..<12).map { ids[$0 % 2] })
      engine.expectConserved()
    }
  }
}

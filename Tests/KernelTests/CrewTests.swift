import Expectations
import Glibc
import Martlet
import MartletTestKit
import Synchronization
import Testing

private let sockets = KernelFeature.sockets

/// What the workers noted, each on its own thread.
private final class Roster<Entry: Sendable>: Sendable {
  private let entries = Mutex<[(thread: UInt, entry: Entry)]>([])

  func sign(_ entry: Entry) {
    // A number that threads are told apart by.
    entries.withLock { $0.append((UInt(pthread_self()), entry)) }
  }

  var all: [(thread: UInt, entry: Entry)] { entries.withLock { $0 } }
}

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct CrewTests {
  private static var little: Engine.Configuration {
    var configuration = Engine.Configuration.transparent
    configuration.memory = 4 << 20
    return configuration
  }

  @Test("Two workers pass every packet of two queues, both ways, each on a thread of its own")
  func twoWorkers() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client") { $0.queueCount = 2 }
      _ = try VethPair("right", "server") { $0.queueCount = 2 }
      let client = try PacketTap("client", etherType: 0x0800)
      let server = try PacketTap("server", etherType: 0x0800)
      let roster = Roster<[Port]>()
      let packets = (0..<400).map { datagram(number: $0 / 8, flow: $0 % 8) }
      var crew = try Crew("left", "right", workers: 2, configuration: Self.little)
      expectEqual(crew.count, 2)
      let stop = crew.first.engine.stopSignal
      let observer = TestThread { () -> [[[UInt8]]] in
        defer { stop.request() }
        try client.send(packets)
        try server.send(packets)
        return try [server, client].map { try $0.receive(packets.count, timeout: patience) }
      }
      try crew.run { forwarder throws(XDPError) in
        roster.sign(forwarder.engine.allPorts)
        while try forwarder.engine.wait() { forwarder.turn { _ in .forward } }
      }
      for received in try observer.join() {
        #expect(Set(received) == Set(packets))
        for flow in 0..<8 {
          let numbers = received.filter { KernelTests.flow(of: $0) == flow }.map(number(of:))
          #expect(numbers == Array(0..<50))
        }
      }
      let report = crew.report()
      expect(report.frames.isConserved)
      expectEqual(report.frames.held + report.frames.received + report.frames.transmit, 0)
      expectEqual(report.ports.map(\.interface), ["left", "left", "right", "right"])
      expectEqual(report.ports.map(\.queue), [0, 1, 0, 1])
      for side in 0..<2 {
        let ports = report.ports[2 * side..<2 * side + 2]
        expectEqual(ports.reduce(0) { $0 + $1.received.packets }, 400)
        expectEqual(ports.reduce(0) { $0 + $1.sent.packets }, 400)
        #expect(ports.allSatisfy { $0.received.packets > 0 && $0.lostPackets == 0 })
      }
      // Two threads, two ports each, none twice.
      let entries = roster.all
      expectEqual(Set(entries.map(\.thread)).count, 2)
      expectEqual(entries.map(\.entry.count), [2, 2])
      expectEqual(Set(entries.flatMap(\.entry)).count, 4)
    }
  }

  @Test("Queues that outnumber the workers are dealt round, on sides of different width")
  func unevenSides() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("left", "client") { $0.queueCount = 4 }
      _ = try VethPair("right", "server") { $0.queueCount = 3 }
      let client = try PacketTap("client", etherType: 0x0800)
      let server = try PacketTap("server", etherType: 0x0800)
      var crew = try Crew("left", "right", workers: 2, configuration: Self.little)
      let stop = crew.first.engine.stopSignal
      let packets = (0..<64).map { datagram(number: $0, flow: $0) }
      let observer = TestThread { () -> [[[UInt8]]] in
        defer { stop.request() }
        try client.send(packets)
        try server.send(packets)
        return try [server, client].map { try $0.receive(packets.count, timeout: patience) }
      }
      try crew.run { forwarder throws(XDPError) in
        while try forwarder.engine.wait() { forwarder.turn { _ in .forward } }
      }
      for received in try observer.join() { #expect(Set(received) == Set(packets)) }
      let report = crew.report()
      expect(report.frames.isConserved)
      expectEqual(report.ports.map(\.queue), [0, 1, 2, 3, 0, 1, 2])
      #expect(report.ports.allSatisfy { $0.received.packets > 0 })
      // Queue q goes to queue q, and back; the fourth has none and goes to the first.
      let received = report.ports.map(\.received.packets)
      let sent = report.ports.map(\.sent.packets)
      expectEqual(Array(sent[4...]), [received[0] + received[3], received[1], received[2]])
      expectEqual(Array(sent[..<4]), [received[4], received[5], received[6], 0])
    }
  }

  @Test("What one worker throws ends all, and is thrown")
  func failure() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 3 }
      var crew = try Crew("near", workers: 3, configuration: Self.little)
      let end = ContinuousClock.now + patience
      var thrown: XDPError?
      do throws(XDPError) {
        try crew.run { forwarder throws(XDPError) in
          if forwarder.engine.allPorts[0].index > Engine.portLimit / 2 {
            throw XDPError(.system, operation: "work", reason: "no more", remedy: "rest")
          }
          while try forwarder.engine.wait() {}
        }
      } catch {
        thrown = error
      }
      #expect(thrown?.reason == "no more")
      #expect(ContinuousClock.now < end)
      expect(crew.report().frames.isConserved)
    }
  }

  @Test("What the first that threw did is thrown, whichever of them it was", arguments: 0..<3)
  func firstFailure(_ first: Int) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 3 }
      var crew = try Crew("near", workers: 3, configuration: Self.little)
      do throws(XDPError) {
        try crew.run { forwarder throws(XDPError) in
          let worker = forwarder.engine.allPorts[0].index / (Engine.portLimit / 3)
          if worker != first { while try forwarder.engine.wait() {} }
          throw XDPError(
            .system, operation: "work", reason: "worker \(worker) had enough", remedy: "rest")
        }
        Issue.record("nothing was thrown")
      } catch {
        #expect(error.reason == "worker \(first) had enough")
      }
    }
  }

  @Test("Workers run on the processors that were named, in turn")
  func processors() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let all = Processor.available
      let last = try unwrap(all.last)
      let places = Roster<[Processor]>()
      let expected = Array(all.prefix(2).count == 2 ? [all[0], last] : [last])
      var crew = try Crew("near", processors: expected, configuration: Self.little)
      expectEqual(crew.count, expected.count)
      try crew.run { _ in places.sign(Processor.available) }
      let found = places.all.map(\.entry)
      #expect(Set(found) == Set(expected.map { [$0] }))
    }
  }

  @Test("A crew of none is refused")
  func none() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      do throws(XDPError) {
        _ = try Crew("near", workers: 0)
        Issue.record("a crew without workers was made")
      } catch {
        #expect(error.kind == .configuration)
      }
    }
  }
}

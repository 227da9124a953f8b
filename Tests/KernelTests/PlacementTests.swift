import Expectations
import MartletTestKit
import Testing

@testable import Martlet
@testable import XSK

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct PlacementTests {
  private static let video = FlowGroup(index: 1)
  private static let alone = FlowGroup(index: 2)

  /// An engine with four queues of "near", one of them of a group, or those that are named.
  private func makeEngine(videoQueues: Set<Int> = [1]) throws -> Engine {
    var configuration = Engine.Configuration()
    configuration.groups = [.init(), .init(), .init(isIsolated: true)]
    configuration.fillDepth = 256
    var engine = try Engine(configuration)
    let names = (0..<4).map {
      QueueName("near", queue: $0, group: videoQueues.contains($0) ? Self.video : .shared)
    }
    _ = try engine.bind(names)
    try engine.steer(.everything)
    return engine
  }

  /// The packets of one burst or more from every port, with the group whose page each lay in.
  private func collect(
    _ engine: inout Engine, _ ports: [Port], count: Int
  ) throws -> [(queue: Int, packet: [UInt8], group: FlowGroup?)] {
    var found: [(queue: Int, packet: [UInt8], group: FlowGroup?)] = []
    let end = ContinuousClock.now + patience
    while found.count < count, ContinuousClock.now < end {
      expect(try engine.wait(timeout: .milliseconds(50)))
      for (queue, port) in ports.enumerated() {
        while let frame = engine.receive(from: port) {
          found.append(
            (queue, engine.content(of: frame), engine.allocator.group(of: frame.address)))
          engine.release(frame)
        }
      }
    }
    return found
  }

  @Test("A flow that is placed lands in its group's pages and nothing else does; all is put back")
  func steered() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      let tap = try PacketTap("far")
      var engine = try makeEngine()
      let ports = engine.allPorts
      #expect(engine.placement(of: Self.video).grade == .bucket)
      #expect(engine.placement(of: Self.alone).description.hasPrefix("isolated: "))
      #expect(engine.placement(of: .shared).description.hasPrefix("shared: "))
      let own = datagram(number: 1, port: 4789)
      let flow = try unwrap(unsafe FlowKey(frame: own.span.bytes))
      #expect(try engine.place(flow, on: ports[1]).grade == .exact)
      #expect(engine.placement(of: Self.video).grade == .exact)
      for number in 0..<100 {
        try tap.send(datagram(number: number, port: 4789))
        try tap.send(datagram(number: number, port: UInt16(5000 + number)))
      }
      let found = try collect(&engine, ports, count: 200)
      #expect(found.count == 200)
      let inside = found.filter { $0.group == Self.video }
      expectSame(inside.map(\.packet), (0..<100).map { datagram(number: $0, port: 4789) })
      #expect(inside.allSatisfy { $0.queue == 1 })
      #expect(found.filter { $0.queue == 1 }.count == 100)
      try engine.unplace(flow, from: ports[1])
      #expect(engine.placement(of: Self.video).grade == .bucket)
      engine.expectConserved()
    }
  }

  @Test("The same flow may have a queue of another interface, and keeps it when one is let go")
  func twoInterfaces() async throws {
    try await withNetworkNamespace {
      for (near, far) in [("near", "far"), ("left", "right")] {
        _ = try VethPair(near, far) { $0.queueCount = 4 }
      }
      var configuration = Engine.Configuration()
      configuration.groups = [.init(), .init(), .init()]
      configuration.fillDepth = 256
      var engine = try Engine(configuration)
      let other = FlowGroup(index: 2)
      let ports = try engine.bind([
        QueueName("near", queue: 1, group: Self.video), QueueName("left", queue: 1, group: other),
      ])
      let packet = datagram(number: 1, port: 4789)
      let flow = try unwrap(unsafe FlowKey(frame: packet.span.bytes))
      for port in ports { #expect(try engine.place(flow, on: port).grade == .exact) }
      #expect(engine.placement(of: Self.video).grade == .exact)
      try engine.unplace(flow, from: ports[0])
      #expect(engine.placement(of: Self.video).grade == .bucket)
      #expect(engine.placement(of: other).grade == .exact)
    }
  }

  @Test("What a killed process left of an interface's queues is put back by who binds it next")
  func leftByAKilledProcess() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let record = try SettingsRecord(
        of: try Interface(named: "near"), purpose: "queues")
      try record.write([])
      // Of a process with this number that began at another time.
      var lines = try TextFile.contents(of: record.path).split(separator: "\n").map(String.init)
      lines.removeLast()
      lines = lines.map { $0.hasPrefix("holder ") ? "holder 1 1" : $0 }
      lines.append("sum \(RecordFile.checksum(lines))")
      try runProgram(["sh", "-c", #"printf '%s\n' "$@" > "$0""#, record.path] + lines)
      #expect(
        try SettingsRecord(of: try Interface(named: "near"), purpose: "queues").left == [])
      var engine = try Engine()
      _ = try engine.bind("near", queue: 0)
      let after = try SettingsRecord(of: try Interface(named: "near"), purpose: "queues")
      #expect(after.left == nil && after.ignored == nil)
    }
  }

  @Test("A group is placed no better than the weakest of its ports")
  func weakest() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      var engine = try makeEngine(videoQueues: [1, 2])
      let packet = datagram(number: 1, port: 4789)
      let flow = try unwrap(unsafe FlowKey(frame: packet.span.bytes))
      #expect(try engine.place(flow, on: engine.allPorts[1]).grade == .exact)
      #expect(engine.placement(of: Self.video).grade == .bucket)
    }
  }

  @Test("Ports of one group that are bound as a set share its arena evenly, from the start")
  func sharesOfAnArena() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      var configuration = Engine.Configuration()
      configuration.groups = [.init(), .init(arena: 1 << 20)]
      var engine = try Engine(configuration)
      let ports = try engine.bind((0..<4).map { QueueName("near", queue: $0, group: Self.video) })
      // Three quarters of 512 slots.
      let posted = ports.map { Int(engine.ports[$0.index].posted) }
      #expect(posted == [96, 96, 96, 96])
      engine.expectConserved()
    }
  }

  @Test("A queue that is not there, and a port in memory, are refused by name")
  func refused() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      let packet = datagram(number: 1)
      let flow = try unwrap(unsafe FlowKey(frame: packet.span.bytes))
      // The only queue cannot be one flow's alone.
      #expect(throws: XDPError.self) { try engine.place(flow, on: port) }
      let rings = MemoryRings(.init(all: 64))
      let inMemory = engine.bind(inMemory: rings.takeApplicationEnds())
      #expect(throws: XDPError.self) { try engine.place(flow, on: inMemory) }
    }
  }
}

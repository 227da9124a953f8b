import Expectations
import MartletTestKit
import Testing

@testable import Martlet

private let sockets = KernelFeature.sockets

/// What comes to the queues of a group in zero copy, where the NIC writes it whatever it is.
///
/// The ports copy, as those of a veth do, and are noted as if they did not.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct DoorTests {
  private static let first = FlowGroup(index: 1)
  private static let second = FlowGroup(index: 2)

  private func flow(_ port: UInt16) throws -> FlowKey {
    try unwrap(unsafe FlowKey(frame: datagram(number: 1, port: port).span.bytes))
  }

  /// Ports on two queues of "near", each of a group with an arena; into the first nothing can have
  /// come.
  private func withPorts(
    queueCount: Int = 4, _ body: @escaping @Sendable (inout Engine, Port, Port) throws -> Void
  ) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = queueCount }
      var configuration = Engine.Configuration()
      configuration.groups = [.init(), .init(arena: 1 << 20), .init(arena: 1 << 20)]
      var engine = try Engine(configuration)
      let queues = queueCount > 2 ? (1, 2) : (0, queueCount - 1)
      let ports = try engine.bind([
        QueueName("near", queue: queues.0, group: Self.first),
        QueueName(queueCount > 1 ? "near" : "far", queue: queues.1, group: Self.second),
      ])
      // As if its fill ring were empty.
      engine.unstocked.insert(0)
      engine.ports[0].fillDepth = 0
      let doors = [
        0: door(Self.first),
        1: ArenaBook.Door(group: Self.second, isOpen: true),
      ]
      #expect(engine.exports.arenas.addDoors(doors) == [])
      try body(&engine, ports[0], ports[1])
    }
  }

  private func door(_ group: FlowGroup) -> ArenaBook.Door { .init(group: group, isOpen: false) }

  /// Whether something is refused so that no stranger comes.
  private func refusal<R>(_ body: () throws(XDPError) -> R) -> Bool {
    do throws(XDPError) {
      _ = try body()
      return false
    } catch {
      return error.kind == .notExportable
    }
  }

  /// Gives a group to a process; what the engine says if it refuses.
  private func export(
    _ engine: inout Engine, _ group: FlowGroup
  ) throws -> (export: FlowExport?, refusal: XDPError?) {
    let pair = try PeerSocket.pair()
    let far = PeerSocket(pair.far)
    do throws(XDPError) {
      let export = try engine.export(group, to: PeerSocket(pair.near), ExportTerms())
      _ = far.fileDescriptor
      return (export, nil)
    } catch {
      return (nil, error)
    }
  }

  @Test("A group is exported once a flow has its queue to itself, if nothing came before")
  func before() async throws {
    try await withPorts { engine, fresh, used in
      let refusal = try export(&engine, Self.second).refusal
      #expect(refusal?.kind == .notExportable)
      #expect(refusal?.reason.contains("no flow was given the queue") == true)
      #expect(try engine.place(flow(4001), on: fresh).grade == .exact)
      expect(engine.unstocked.isEmpty && engine.ports[0].fillDepth != 0)
      // A further one takes nothing off, nor does the same again.
      #expect(try engine.place(flow(4003), on: fresh).grade == .exact)
      #expect(try engine.place(flow(4001), on: fresh).grade == .exact)
      #expect(try export(&engine, Self.first).refusal == nil)
      // The other one may have received strangers.
      #expect(try engine.place(flow(4002), on: used).grade == .exact)
      let late = try export(&engine, Self.second).refusal
      #expect(late?.kind == .notExportable && late?.reason.contains("before") == true)
    }
  }

  @Test("No flow leaves a queue whose pages a process has if strangers would come instead")
  func after() async throws {
    try await withPorts { engine, port, other in
      let flows = try [flow(4001), flow(4002)]
      try engine.place(flows[0], on: port)
      let name = try unwrap(try export(&engine, Self.first).export)
      for _ in 0..<2 {
        #expect(refusal { () throws(XDPError) in try engine.unplace(flows[0], from: port) })
        #expect(refusal { () throws(XDPError) in try engine.place(flows[0], on: other) })
        #expect(try engine.place(flows[0], on: port).grade == .exact)
        // Another flow may come and go.
        #expect(try engine.place(flows[1], on: port).grade == .exact)
        #expect(engine.placement(of: Self.first).grade == .exact)
        try engine.unplace(flows[1], from: port)
        try engine.place(flows[1], on: port)
        try engine.place(flows[1], on: other)
        #expect(engine.placement(of: Self.first).grade == .exact)
        // What the process has mapped it sees afterwards too.
        engine.end(name)
      }
    }
  }

  @Test("Where no process has the pages flows come and go, and strangers with them")
  func unexported() async throws {
    try await withPorts { engine, port, _ in
      try engine.place(flow(4001), on: port)
      try engine.unplace(flow(4001), from: port)
      #expect(engine.placement(of: Self.first).grade == .bucket)
      try engine.place(flow(4001), on: port)
      #expect(try export(&engine, Self.first).refusal?.kind == .notExportable)
    }
  }

  @Test("A flow that lost its queue where another could not be had is none that keeps others out")
  func lost() async throws {
    try await withPorts(queueCount: 2) { engine, port, other in
      let flows = try [flow(4001), flow(4002)]
      for flow in flows { try engine.place(flow, on: port) }
      _ = try unwrap(try export(&engine, Self.first).export)
      // No queue would be left for the rest.
      #expect(throws: XDPError.self) { try engine.place(flows[1], on: other) }
      #expect(refusal { () throws(XDPError) in try engine.unplace(flows[0], from: port) })
      #expect(engine.placement(of: Self.first).grade == .exact)
    }
  }

  @Test("A port on which no flow could be placed has let nobody in")
  func failed() async throws {
    try await withPorts(queueCount: 1) { engine, port, _ in
      #expect(throws: XDPError.self) { try engine.place(flow(4001), on: port) }
      #expect(engine.exports.arenas.openDoor(port.index) == .wasShut)
    }
  }

  @Test("A flow keeps its queue when its engine goes, and whoever binds that is told")
  func departed() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      var configuration = Engine.Configuration()
      configuration.groups = [.init(), .init(arena: 1 << 20), .init(arena: 1 << 20)]
      let memory = try SharedMemory(configuration, workers: 2)
      var right = try Engine(sharing: memory)
      _ = try right.bind("near", queue: 0)
      let flows = try [flow(4001), flow(4002)]
      do {
        var left = try Engine(sharing: memory)
        let port = try left.bind("near", queue: 1, group: Self.first)
        try left.place(flows[0], on: port)
        #expect(right.placement(of: Self.first).grade == .exact)
        #expect(left.exports.arenas.addDoors([port.index: door(Self.first)]) == [])
        _ = try unwrap(try export(&left, Self.first).export)
        #expect(refusal { () throws(XDPError) in try left.unplace(flows[0], from: port) })
      }
      let port = try right.bind("near", queue: 1, group: Self.second)
      try right.place(flows[1], on: port)
      #expect(right.placement(of: Self.second).grade == .bucket)
      #expect(right.placement(of: Self.second).reason.contains("an engine that is gone"))
      // Where a process has the pages it is refused.
      try right.unplace(flows[1], from: port)
      #expect(right.exports.arenas.addDoors([port.index: door(Self.second)]) == [])
      _ = try unwrap(try export(&right, Self.second).export)
      #expect(refusal { () throws(XDPError) in try right.place(flows[1], on: port) })
      #expect(right.placement(of: Self.second).reason.contains("no flow was given the queue"))
      try right.unplace(flows[0], from: port)
      try right.place(flows[1], on: port)
      #expect(right.placement(of: Self.second).grade == .exact)
    }
  }
}

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
    _ body: @escaping @Sendable (inout Engine, Port, Port) throws -> Void
  ) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      var configuration = Engine.Configuration()
      configuration.groups = [.init(), .init(arena: 1 << 20), .init(arena: 1 << 20)]
      var engine = try Engine(configuration)
      let ports = try engine.bind([
        QueueName("near", queue: 1, group: Self.first),
        QueueName("near", queue: 2, group: Self.second),
      ])
      // As if its fill ring were empty.
      engine.ports[0].isStocked = false
      engine.ports[0].fillDepth += 1
      expect(engine.exports.arenas.addDoors([(0, Self.first), (1, Self.second)]))
      try body(&engine, ports[0], ports[1])
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
      let refusal = try export(&engine, Self.first).refusal
      #expect(refusal?.kind == .notExportable)
      #expect(refusal?.reason.contains("no flow was given the queue") == true)
      #expect(try engine.place(flow(4001), on: fresh).grade == .exact)
      expect(engine.ports[0].isStocked)
      #expect(try export(&engine, Self.first).refusal == nil)
      // The other one may have received strangers.
      #expect(try engine.place(flow(4002), on: used).grade == .exact)
      let late = try export(&engine, Self.second).refusal
      #expect(late?.kind == .notExportable && late?.remedy.contains("before") == true)
    }
  }

  @Test("No flow leaves a queue whose pages a process has if strangers would come instead")
  func after() async throws {
    try await withPorts { engine, port, other in
      let flows = try [flow(4001), flow(4002)]
      try engine.place(flows[0], on: port)
      let name = try unwrap(try export(&engine, Self.first).export)
      for _ in 0..<2 {
        #expect(throws: XDPError.self) { try engine.unplace(flows[0], from: port) }
        #expect(throws: XDPError.self) { try engine.place(flows[0], on: other) }
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
}

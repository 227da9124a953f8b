import MartletTestKit
import Testing
import XSK

@testable import Steering

/// Queues that have no socket, or that the program does not know of.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct QueueBoundTests {
  static let udp = PacketBuilder().udp()

  /// A queue that was added later: the next socket is that of another interface.
  @Test(arguments: [Match.everything, .ipProtocol(17)])
  func aQueueBeyondThoseThatWereThere(_ match: Match) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      _ = try VethPair("other", "peer")
      let (near, other) = (try Interface(named: "near"), try Interface(named: "other"))
      try runProgram(["ethtool", "-L", "near", "rx", "1"])
      var program = try SteeringProgram(socketCapacity: 8)
      try program.attach(to: near, mode: .generic)
      try program.attach(to: other, mode: .generic)
      let umem = try UMEM(region: MemoryRegion(byteCount: 1 << 20))
      let socket = try umem.bind(other, queue: 0, mode: .copy)
      try program.register(socket: socket.fileDescriptor, interface: other, queue: 0)
      try program.setRules([Rule(match, .socket)])
      try runProgram(["ethtool", "-L", "near", "rx", "2"])
      #expect(try program.slot(interface: other, queue: 0).number == 1)
      #expect(try program.trial(of: Self.udp, interface: other) == .redirect)
      #expect(try program.trial(of: Self.udp, interface: near, queue: 1) == .kernel)
      let counters = try program.counters(of: near)
      #expect(counters.noSocket == 1 && counters.socket == 0)
      let others = try program.counters(of: other)
      #expect(others.noSocket == 0 && others.socket == 1)
    }
  }

  /// What goes to no socket needs no facts.
  @Test func aPacketWithoutASocketIsNotBare() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      try bench.program.setFacts(true)
      try bench.program.setRules([Rule(.ipProtocol(17), .socket), Rule(.arp, .drop)])
      let place = bench.program.number(of: bench.near)
      let number = try #require(place)
      let witness = try bench.program.makeWitness()
      try bench.program.unregister(interface: bench.near, queue: 0)
      #expect(try bench.trialBehindMetadata(Self.udp) == .kernel)
      #expect(!witness.isBare(number))
      try bench.program.register(
        socket: bench.socket.fileDescriptor, interface: bench.near, queue: 0)
      #expect(try bench.trialBehindMetadata(Self.udp) == .socket)
      #expect(witness.isBare(number))
    }
  }
}

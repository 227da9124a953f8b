import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// The sockets of groups, where they stand in the program's table.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct MemberTests {
  /// Of the four sockets of two groups on two queues one is empty, so that the verdict tells it
  /// from the others.
  @Test(arguments: 0..<4) func eachQueueHasItsOwn(_ empty: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let descriptor = bench.socket.fileDescriptor
      let slots = try (0..<4).map { place in
        try bench.program.addSocket(descriptor, interface: bench.near, queue: place / 2)
      }
      try bench.program.setGroup("a", [slots[0], slots[2]])
      try bench.program.setGroup("b", [slots[1], slots[3]])
      try bench.program.setRules([Rule(.everything, .sockets(["a", "b"], by: .directed))])
      bench.program.removeSocket(at: slots[empty])
      var chosen = [0, 0]
      for port in 1...40 as ClosedRange<UInt16> {
        var builder = PacketBuilder()
        builder.source.port = port
        let packet = builder.udp()
        // Bytes have no pointers in them.
        let key = try #require(unsafe FlowKey(frame: packet.span.bytes))
        let choice = FlowHash.choice(FlowHash.of(key, .directed), among: 2)
        chosen[choice] += 1
        for queue in 0...1 {
          let isEmpty = queue * 2 + choice == empty
          #expect(try bench.trial(packet, queue: queue) == (isEmpty ? .kernel : .socket))
        }
      }
      #expect(chosen.allSatisfy { $0 > 0 })
    }
  }

  @Test("As many members as there is room for, to the last one")
  func mostMembers() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let slot = try bench.program.slot(interface: bench.near, queue: 0)
      let ways = 8
      try bench.program.setGroup("all", [SocketSlot](repeating: slot, count: ways))
      let count = UInt16(RuleCapacity.members / ways)
      try bench.program.setRules(
        (0..<count).map { Rule(.udp(destinationPort: $0), .group("all")) })
      var chosen: Set<Int> = []
      for port in 1...100 as ClosedRange<UInt16> {
        var builder = PacketBuilder()
        builder.source.port = port
        builder.destination.port = count - 1
        let packet = builder.udp()
        // Bytes have no pointers in them.
        let key = try #require(unsafe FlowKey(frame: packet.span.bytes))
        chosen.insert(FlowHash.choice(FlowHash.of(key, .directed), among: ways))
        #expect(try bench.trial(packet) == .socket)
      }
      #expect(chosen.count == ways)
    }
  }
}

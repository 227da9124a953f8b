import Glibc
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// Real sockets behind one kernel hop: client - switch - device, the director in the switch.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct HopTests {
  @Test(arguments: [false, true])
  func datagramsOfAFlowHaveTheirQueue(isVersion6: Bool) async throws {
    try await withHop(isVersion6: isVersion6) { hop in
      let steered = Hop.flow(5000, .udp, isVersion6)
      let sender = try hop.client { try Sender(steered) }
      let others = try (5001..<5033).map { port in
        try hop.client { try Sender(Hop.flow(port, .udp, isVersion6)) }
      }
      // All are connected, and have sent, before the director is there.
      for each in others + [sender] { try each.send(1) }
      var queues = try hop.steering()
      #expect(queues.ways == [.director])
      let placement = try queues.steer(steered, to: 3)
      #expect(placement.grade == .exact)
      let first = try hop.arrivals { try sender.send(200) }
      #expect(hop.isAll(first, 200, on: 3), "\(first)")
      let rest = try hop.arrivals { for other in others { try other.send(5) } }
      #expect(rest[3] == 0 && (160...160 + hop.strays).contains(rest.reduce(0, +)), "\(rest)")
      #expect(rest.dropLast().allSatisfy { $0 > 0 }, "\(rest)")

      // A second flow on another queue, then the first one is given up.
      let second = Hop.flow(5001, .udp, isVersion6)
      try queues.steer(second, to: 1)
      let next = try hop.arrivals { try others[0].send(50) }
      #expect(hop.isAll(next, 50, on: 1), "\(next)")
      let remaining = try hop.arrivals { for other in others.dropFirst() { try other.send(5) } }
      #expect(remaining[1] == 0 && remaining[3] == 0)
      try queues.unsteer(steered)
      #expect(queues.placement(of: steered).grade == nil)
      #expect(try hop.arrivals { try sender.send(50) }[1] == 0)
      try queues.restore()
      let after = try hop.arrivals { for other in others { try other.send(5) } }
      #expect(after.count { $0 > 0 } > 1, "\(after)")
    }
  }

  @Test func aQueueThatIsGivenUpIsUsedAgain() async throws {
    try await withHop(isVersion6: false) { hop in
      let (first, second) = (Hop.flow(5000, .udp, false), Hop.flow(5001, .udp, false))
      let others = try (5002..<5034).map { port in
        try hop.client { try Sender(Hop.flow(port, .udp, false)) }
      }
      var queues = try hop.steering()
      try queues.steer(first, to: 3)
      try queues.steer(second, to: 1)
      let before = try hop.arrivals { for other in others { try other.send(5) } }
      #expect(before[1] == 0 && before[3] == 0, "\(before)")
      try queues.unsteer(first)
      let after = try hop.arrivals { for other in others { try other.send(5) } }
      #expect(after[1] == 0 && after[3] > 0, "\(after)")
    }
  }

  /// It keeps its connection and changes its queue.
  @Test(arguments: [false, true])
  func aLiveConnectionMoves(isVersion6: Bool) async throws {
    try await withHop(isVersion6: isVersion6) { hop in
      let flow = Hop.flow(6000, .tcp, isVersion6)
      let server = try hop.device { try Listener(flow) }
      let sender = try hop.client { try Sender(flow) }
      let connection = try server.accept()
      func transfer() throws -> [Int] {
        try hop.arrivals {
          for _ in 0..<100 {
            try sender.send(1)
            try connection.receive()
          }
        }
      }
      let before = try transfer()
      let mine = try #require(before.firstIndex { $0 >= 100 })
      let other = (mine + 1) % 4
      var queues = try hop.steering()
      try queues.steer(flow, to: other)
      let moved = try transfer()
      #expect(moved[other] >= 100 && moved[mine] <= hop.strays, "\(before) \(moved)")
      try queues.steer(flow, to: mine)
      let back = try transfer()
      #expect(back[mine] >= 100 && back[other] <= hop.strays, "\(before) \(back)")
    }
  }

  @Test func taggedFlows() async throws {
    try await withHop { hop in
      var builder = PacketBuilder()
      let plain = builder.udp()
      builder.vlanTags = [5]
      let tagged = builder.udp()
      // As a bridge would send them, in place of the route.
      let tap = try PacketTap("toDevice")
      var director = try FlowDirector(
        sendingOn: Interface(named: "toDevice"), recordFolder: hop.folder.path)
      try director.direct(.packets(vlans: 5), to: 2)
      try director.setRest([0, 1])
      #expect(try hop.arrivals { for _ in 0..<50 { try tap.send(tagged) } } == [0, 0, 50, 0])
      let rest = try hop.arrivals { for _ in 0..<50 { try tap.send(plain) } }
      #expect(rest[0] + rest[1] == 50)
    }
  }

  @Test func aKilledHolderLeavesNothing() async throws {
    let hop = try Hop(isVersion6: false)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = hop.middle.path as String, folder = hop.folder.path as String] in
      try NetworkNamespace.join(path)
      var queues = try QueueSteering(
        Interface(named: "toDevice"), sender: Interface(named: "toDevice"), recordFolder: folder)
      let flow = FlowKey(
        source: IPv4Address(10, 1, 0, 1), sourcePort: 5000, destination: IPv4Address(10, 2, 0, 2),
        destinationPort: 4789, ipProtocol: .udp)
      try queues.steer(flow, to: 3)
      kill(getpid(), SIGKILL)
    }
    try hop.switched {
      let steered = Hop.flow(5000, .udp, false)
      let sender = try hop.client { try Sender(steered) }
      let old = try hop.arrivals { try sender.send(50) }.firstIndex(of: 50)
      let mine = try #require(old)
      var queues = try hop.steering()
      try queues.steer(steered, to: (mine + 1) % 4)
      #expect(try hop.arrivals { try sender.send(50) }[(mine + 1) % 4] == 50)
    }
  }
}

let sockets = KernelFeature.sockets
let needsSockets: Comment = Comment(rawValue: sockets.reason)

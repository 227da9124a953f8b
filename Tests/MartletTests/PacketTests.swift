import Expectations
import Martlet
import MartletTestKit
import Testing

/// The header views of a forwarder's packet, on bytes that someone else made.
@Suite struct PacketTests {
  /// Forwards one frame through `decide` and returns what went out.
  private func forward(_ frame: [UInt8], _ decide: (inout Packet) -> Void) throws -> [UInt8]? {
    var bench = try Bench { $0.ports = 2 }
    expect(bench.kernels[0].deliver(frame))
    var isSeen = false
    bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { packet in
      isSeen = true
      decide(&packet)
      return .forward
    }
    expect(isSeen)
    return bench.kernels[1].transmitAll().first
  }

  /// Which views a frame has: Ethernet, IPv4, IPv6, ARP, UDP, TCP.
  private func views(_ frame: [UInt8]) throws -> [Bool] {
    var views: [Bool] = []
    let out = try forward(frame) { packet in
      views = [
        packet.ethernet != nil, packet.ipv4 != nil, packet.ipv6 != nil, packet.arp != nil,
        packet.udp != nil, packet.tcp != nil,
      ]
    }
    expectEqual(out, frame)
    return views
  }

  @Test("A packet has the views of its headers and no others", arguments: [[], [5], [5, 6]])
  func whichViews(_ tags: [UInt16]) throws {
    var builder = PacketBuilder()
    builder.vlanTags = tags
    expectEqual(try views(builder.udp()), [true, true, false, false, true, false])
    expectEqual(try views(builder.tcp()), [true, true, false, false, false, true])
    expectEqual(try views(builder.icmpEcho()), [true, true, false, false, false, false])
    expectEqual(try views(builder.arpRequest()), [true, false, false, true, false, false])
    builder.version = .v6
    expectEqual(try views(builder.udp()), [true, false, true, false, true, false])
    expectEqual(try views(builder.tcp()), [true, false, true, false, false, true])
    expectEqual(
      try views(builder.ethernet(type: 0x88CC, payload: [1, 2])),
      [true, false, false, false, false, false])
    expectEqual(
      try views([UInt8](repeating: 0, count: 13)), [Bool](repeating: false, count: 6))
  }

  @Test("What is written through the views is what goes out, and nothing else")
  func rewrite() throws {
    var builder = PacketBuilder()
    builder.source.port = 7
    builder.destination.port = 9
    let payload = Array("hello".utf8)
    var wanted = builder
    wanted.timeToLive = 63
    wanted.source.port = 9
    wanted.destination.port = 7
    let out = try forward(builder.udp(payload: payload)) { packet in
      if var ip = packet.ipv4 { ip.decrementTimeToLive() }
      if var udp = packet.udp { udp.swapPorts() }
    }
    expectEqual(out, wanted.udp(payload: payload))
  }

  @Test("The same over IPv6 and a VLAN tag")
  func rewriteIPv6() throws {
    var builder = PacketBuilder()
    builder.version = .v6
    builder.vlanTags = [100]
    var wanted = builder
    wanted.timeToLive = 63
    let out = try forward(builder.tcp(payload: [1, 2, 3])) { packet in
      if var ip = packet.ipv6 { ip.decrementHopLimit() }
    }
    expectEqual(out, wanted.tcp(payload: [1, 2, 3]))
  }

  @Test("Addresses swapped, a runt left as it is")
  func swapAddresses() throws {
    let frame = PacketBuilder().udp(payload: [1])
    let swapped = try forward(frame) { $0.swapAddresses() }
    expectEqual(swapped, Array(frame[6..<12] + frame[0..<6] + frame[12...]))
    let runt = packet(3, byteCount: 13)
    let same = try forward(runt) { $0.swapAddresses() }
    expectEqual(same, runt)
  }

  @Test("The bytes themselves can be read and written")
  func bytes() throws {
    let frame = packet(3)
    let out = try forward(frame) { packet in
      expectEqual(copy(packet.bytes), frame)
      var view = packet.mutableBytes
      write([9, 8, 7], to: &view)
      expectEqual(copy(packet.bytes).prefix(4), [9, 8, 7, 0])
    }
    expectEqual(out, [9, 8, 7] + frame[3...])
  }
}

import Glibc
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// What becomes of packets: groups, sockets by hash, other interfaces, back, facts.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ActionTests {
  static let udp = PacketBuilder().udp(payload: [1, 2, 3])

  @Test func aGroupIsWhereItHasASocket() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let slot = try bench.program.slot(interface: bench.near, queue: 0)
      try bench.program.setGroup("video", [slot])
      try bench.program.setRules([Rule(.ipProtocol(17), .group("video")), Rule(.arp, .drop)])
      #expect(try bench.trial(Self.udp) == .socket)
      #expect(try bench.trial(Self.udp, queue: 1) == .kernel)
      // Its rules follow it.
      try bench.program.setGroup("video", [])
      #expect(try bench.trial(Self.udp) == .kernel)
      try bench.program.setGroup("video", [slot])
      #expect(try bench.trial(Self.udp) == .socket)
      // Also to another interface.
      _ = try VethPair("other", "peer")
      try bench.program.attach(to: try Interface(named: "other"), mode: .generic)
      #expect(try bench.trial(Self.udp) == .socket)
      bench.program.detach(from: bench.near)
      #expect(bench.program.rules.count == 2)
    }
  }

  /// Of two sockets one place is empty, so that the verdict says which was chosen.
  @Test(arguments: [FlowHashKind.directed, .symmetric]) func theHashChooses(
    _ kind: FlowHashKind
  ) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      let near = bench.near
      let own = try bench.program.slot(interface: near, queue: 0)
      let descriptor = bench.socket.fileDescriptor
      let further = try bench.program.addSocket(descriptor, interface: near, queue: 0)
      try bench.program.setGroup("a", [own])
      try bench.program.setGroup("b", [further])
      try bench.program.setRules([Rule(.everything, .sockets(["a", "b"], by: kind))])
      bench.program.removeSocket(at: further)
      var chosen = [0, 0]
      for port in UInt16(1)...200 {
        var builder = PacketBuilder()
        builder.version = port % 2 == 0 ? .v4 : .v6
        builder.source.port = port
        let packets = [builder.udp(), builder.udp(), builder.reversed.udp()]
        let choices = try packets.map { packet in
          let key = try #require(Self.flow(packet))
          let choice = FlowHash.choice(FlowHash.of(key, kind), among: 2)
          // New to the flow cache, then known to it.
          for _ in 0..<4 {
            #expect(try bench.trial(packet) == (choice == 0 ? .socket : .kernel))
          }
          return choice
        }
        if kind == .symmetric { #expect(choices[0] == choices[2]) }
        chosen[choices[0]] += 1
      }
      #expect(chosen.allSatisfy { $0 > 60 }, "\(chosen)")
    }
  }

  /// The whole packet as it leaves elsewhere, live.
  @Test(arguments: PacketBuilder.Version.allCases, [0, 1, 2]) func forwardedWithNewHeaders(
    _ version: PacketBuilder.Version, _ tags: Int
  ) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("out", "next")
      // No byte is what it was.
      let source = MACAddress(0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC)
      let hop = MACAddress(0x1E, 0x2D, 0x3C, 0x4B, 0x5A, 0x69)
      let forwarding = Forwarding(
        to: "out", rewrite: .init(source: source, destination: hop), decrementsTTL: true)
      let rule = Rule(.everything, .forward(forwarding))
      // Frames would be lost: a typed error says so.
      do throws(XDPError) {
        try bench.program.setRules([rule])
        Issue.record("the peer loses all")
      } catch {
        #expect(error.kind == .configuration && error.remedy.contains("gro on"))
      }
      try runProgram(["ethtool", "-K", "next", "gro", "on"])
      try bench.program.setRules([rule])
      let far = try PacketTap(bench.pair.far)
      let next = try PacketTap("next")
      var builder = PacketBuilder()
      builder.version = version
      builder.vlanTags = [UInt16](repeating: 5, count: tags)
      for timeToLive in [UInt8(64), 2, 255] {
        builder.timeToLive = timeToLive
        var changed = builder
        changed.source.mac = [0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC]
        changed.destination.mac = [0x1E, 0x2D, 0x3C, 0x4B, 0x5A, 0x69]
        changed.timeToLive -= 1
        try far.send(builder.udp(payload: [1, 2, 3]))
        #expect(try next.receive(timeout: .seconds(5)) == changed.udp(payload: [1, 2, 3]))
      }
      for timeToLive in [UInt8(1), 0] {
        builder.timeToLive = timeToLive
        #expect(try bench.trial(builder.udp()) == .kernel)
      }
      let counters = try bench.program.counters(of: bench.near)
      #expect(counters.forwarded == 3 && counters.kernel == 2)
    }
  }

  @Test func sentBackWithItsAddressesExchanged() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      // The far end takes what XDP sends only if it polls: with a program of its own it does.
      try bench.program.attach(to: try Interface(named: "far"), mode: .native)
      try bench.program.setRules([Rule(.ipProtocol(17), .back, interface: bench.near)])
      let far = try PacketTap(bench.pair.far)
      var back = PacketBuilder()
      (back.source.mac, back.destination.mac) = (back.destination.mac, back.source.mac)
      try far.send(Self.udp)
      #expect(try far.receive(timeout: .seconds(5)) == back.udp(payload: [1, 2, 3]))
      #expect(try bench.program.counters(of: bench.near).returned == 1)
    }
  }

  @Test func factsStandInFrontOfThePacket() async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("near", "far")
      let near = try Interface(named: "near")
      let umem = try UMEM(region: MemoryRegion(byteCount: 1 << 20))
      var socket = try umem.bind(near, queue: 0, mode: .copy)
      var program = try SteeringProgram(socketCapacity: 8)
      try program.attach(to: near, mode: .native)
      try program.register(socket: socket.fileDescriptor, interface: near, queue: 0)
      for name in ["audio", "text", "video"] {
        try program.setGroup(name, [try program.slot(interface: near, queue: 0)])
      }
      let ids = try program.apply(
        RuleChange([.add(Rule(.arp, .drop)), .add(Rule(.ipProtocol(17), .group("video")))]))
      let far = try PacketTap(pair.far)
      let key = try #require(Self.flow(Self.udp))
      for (isOn, isTimed) in [(false, false), (true, false), (true, true), (false, false)] {
        try program.setFacts(isOn, areTimed: isTimed)
        let before = Self.monotonicTime()
        let (front, packet) = try Self.exchange(&socket, umem.memory(), far)
        let facts = Self.facts(front, program.factsSeal)
        #expect(packet == Self.udp)
        #expect((facts != nil) == isOn)
        guard let facts else { continue }
        #expect(facts.rule == ids[1])
        let time = facts.timestamp
        #expect(isTimed ? time.map { before...Self.monotonicTime() ~= $0 } == true : time == nil)
        #expect(Self.facts(front, program.factsSeal ^ 1) == nil)
        #expect(facts.flowHash == FlowHash.of(key))
        #expect(facts.group == program.number(ofGroup: "video"))
      }
      let place = program.number(of: near)
      let witness = try program.makeWitness()
      #expect(!witness.isBare(try #require(place)))
    }
  }

  @Test func packetsWithoutFactsAreNoted() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      try bench.program.setFacts(true)
      try bench.program.setRules([Rule(.ipProtocol(17), .socket), Rule(.ipProtocol(6), .drop)])
      let place = bench.program.number(of: bench.near)
      let number = try #require(place)
      // Facts are written, or the packet goes to no socket.
      #expect(try bench.trial(Self.udp) == .socket)
      #expect(try bench.trialBehindMetadata(PacketBuilder().tcp()) == .drop)
      #expect(try bench.trialBehindMetadata(PacketBuilder().icmpEcho()) == .kernel)
      let witness = try bench.program.makeWitness()
      #expect(!witness.isBare(number))
      // Somebody else's metadata are where they would be.
      #expect(try bench.trialBehindMetadata(Self.udp) == .socket)
      #expect(witness.isBare(number))
      bench.program.detach(from: bench.near)
      try bench.program.attach(to: bench.near, mode: .native)
      #expect(!witness.isBare(number))
    }
  }

  private static func flow(_ packet: [UInt8]) -> FlowKey? {
    // Bytes have no pointers in them.
    unsafe FlowKey(frame: packet.span.bytes)
  }

  private static func facts(_ front: [UInt8], _ seal: UInt64) -> PacketFacts? {
    // Bytes have no pointers in them.
    unsafe PacketFacts(front.span.bytes, seal: seal)
  }

  private static func monotonicTime() -> UInt64 {
    var time = timespec()
    // The structure lives for the call.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Sends one packet, and answers with it and what stands in front of it.
  private static func exchange(
    _ socket: inout Socket, _ memory: borrowing PacketMemory, _ far: PacketTap
  ) throws -> ([UInt8], [UInt8]) {
    var blank = memory.mutableSpan(at: 0, count: 2048)
    for at in 0..<2048 { blank.storeBytes(of: 0, toByteOffset: at, as: UInt8.self) }
    precondition(socket.rings.fill.reserve(1) == 1)
    socket.rings.fill.put(0)
    socket.rings.fill.submit()
    try far.send(udp)
    var poller = Poller(capacity: 1)
    poller.add(socket.fileDescriptor)
    try #require(poller.wait(timeout: .seconds(5)) != 0)
    try #require(socket.rings.receive.peek(1) == 1)
    let descriptor = socket.rings.receive.take()
    socket.rings.receive.release()
    let span = memory.span(at: descriptor.location, count: Int(descriptor.byteCount))
    // The span's own bytes, copied while it is there.
    let packet = unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
    let front = memory.span(
      at: descriptor.location - UInt64(PacketFacts.byteCount), count: PacketFacts.byteCount)
    return (unsafe front.withUnsafeBytes { unsafe [UInt8]($0) }, packet)
  }
}

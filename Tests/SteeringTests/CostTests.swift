import CXDP
import Glibc
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// Whether every figure is wanted, not just those that are compared: the environment says so, which
/// nobody changes.
private let printsFigures = unsafe getenv("MARTLET_COST") != nil

/// What the program costs, tried on packets in the kernel (`BPF_PROG_TEST_RUN`).
///
/// The packets differ in their source ports: a small program rewrites them and goes on with the one
/// that is measured. Against the same with a bare redirect. Times are the least of many runs, and
/// the bounds are those of a cost that does not grow, several times over: what grows breaks them on
/// any machine. Instructions, which are exact, stand in `InstructionTests`.
@Suite(.serialized, .enabled(if: sockets.isExpected, needsSockets))
struct CostTests {
  @Test("A known flow costs the same at any number of rules")
  func knownFlowsAtAnyNumberOfRules() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      var costs: [Int] = []
      for rules in printsFigures ? [1, 64, 1024, 4096] : [1, 4096] {
        try bench.program.setRules(Self.rules(rules))
        for flows in printsFigures ? [1, 64, 1024, 4096] : [1] {
          let cost = try Cost(bench, flows: flows)
          if flows == 1 { costs.append(cost.difference) }
          report("rules \(rules) flows \(flows): \(cost)")
        }
      }
      // A look at each of 4,096 rules would take microseconds.
      #expect(costs.allSatisfy { $0 < costs[0] + 200 }, "\(costs)")
    }
  }

  @Test("What facts in front of the packet cost, and the time among them")
  func facts() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      try bench.program.setRules(Self.rules(1))
      var costs: [Int] = []
      for (areWritten, areTimed) in [(false, false), (true, false), (true, true)] {
        try bench.program.setFacts(areWritten, areTimed: areTimed)
        let cost = try Cost(bench, flows: 1)
        costs.append(cost.difference)
        report("facts \(areWritten), time \(areTimed): \(cost)")
      }
      #expect(costs.allSatisfy { $0 < costs[0] + 500 }, "\(costs)")
    }
  }

  @Test("A new flow costs more by shape, not by rule")
  func misses() async throws {
    try await withNetworkNamespace {
      // Each place of the smallest cache is taken by many flows.
      var bench = try Bench(queueCount: 1, flowCacheSize: 16)
      var costs: [Int] = []
      for shapes in printsFigures ? [1, 2, 4, 8] : [1, 8] {
        try bench.program.setRules(Self.shapes(shapes))
        let cost = try Cost(bench, flows: printsFigures ? 65_536 : 4096)
        costs.append(cost.difference)
        report("miss, shapes \(shapes): \(cost)")
      }
      #expect(costs.allSatisfy { $0 < costs[0] + 2000 }, "\(costs)")
    }
  }

  @Test("Thousands of rules are changed in the time that a user waits for nothing")
  func changes() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let clock = ContinuousClock()
      let first = try clock.measure { try bench.program.setRules(Self.rules(1)) }
      report("first rule: \(first)")
      for count in [1000, 4096] {
        var times: [Duration] = []
        for _ in 0..<3 {
          times.append(try clock.measure { try bench.program.setRules(Self.rules(count)) })
        }
        report("change to \(count) rules: \(times)")
        let least = try #require(times.min())
        #expect(least < .seconds(1), "\(times)")
      }
    }
  }

  private func report(_ figure: String) {
    if printsFigures { print(figure) }
  }

  /// One rule for each destination port; the packets' is the last.
  static func rules(_ count: Int) -> [Rule] {
    (0..<count).map { number in
      var match = Match.udp(destinationPort: UInt16(1002 + count - 1 - number))
      // So that the cache has to tell the flows apart.
      match.sourcePorts = .is(0...65_534)
      return Rule(match, .socket)
    }
  }

  /// Rules with so many different masks, of which the last matches, and asks about source ports.
  static func shapes(_ count: Int) -> [Rule] {
    (0..<count).map { number in
      let isLast = number == count - 1
      var match = Match()
      match.sourcePorts = .is(0...65_534)
      match.destination = .is(
        .v4(IPv4Address(isLast ? 192 : 193, 0, 2, 0), length: 24 - number))
      return Rule(match, .socket)
    }
  }
}

/// Nanoseconds of a packet: through the program, and through a bare redirect.
struct Cost: CustomStringConvertible {
  var steering: UInt32 = .max
  var redirect: UInt32 = .max

  var difference: Int { Int(steering) - Int(redirect) }

  var description: String {
    "\(steering) ns, bare redirect \(redirect) ns, difference \(difference) ns"
  }

  init(_ bench: borrowing Bench, flows: Int) throws {
    let bare = try Instructions.bareRedirect(bench.program.object.sockets)
    defer { close(bare) }
    let steer = bench.program.programDescriptor
    let both = try (
      Instructions.varying(flows, then: steer), Instructions.varying(flows, then: bare)
    )
    defer {
      close(both.0)
      close(both.1)
    }
    let packet = PacketBuilder().udp(payload: [UInt8](repeating: 0, count: 22))
    _ = try run(both.0, packet, bench.near, repeats: 4 * flows)
    for _ in 0..<40 {
      steering = min(
        steering, try run(both.0, packet, bench.near, repeats: max(20_000, 32 * flows)))
      redirect = min(
        redirect, try run(both.1, packet, bench.near, repeats: max(20_000, 32 * flows)))
    }
  }

  private func run(
    _ program: Int32, _ packet: [UInt8], _ interface: Interface, repeats: Int
  ) throws -> UInt32 {
    var nanoseconds: UInt32 = 0
    // The packet lives for the call, and its size is given.
    let result = unsafe packet.withUnsafeBytes { bytes in
      unsafe cxdp_run_packet(
        program, bytes.baseAddress, UInt32(bytes.count), interface.index, 0, nil, nil,
        UInt32(repeats), &nanoseconds)
    }
    guard UInt32(bitPattern: result) == XDP_REDIRECT.rawValue else {
      throw TestKitError("verdict \(result)")
    }
    return nanoseconds
  }
}

/// Programs of a few instructions.
enum Instructions {
  /// To the socket in slot 0.
  static func bareRedirect(_ sockets: Int32) throws -> Int32 {
    try load([
      0x0000_0000_0000_1118 | UInt64(UInt32(bitPattern: sockets)) << 32, 0,  // r1 = the map
      0x0000_0000_0000_02b7,  // r2 = slot 0
      0x0000_0002_0000_03b7,  // r3 = XDP_PASS
      0x0000_0033_0000_0085,  // bpf_redirect_map
      0x0000_0000_0000_0095,  // return what it says
    ])
  }

  /// Gives each packet another source port, and goes on with a program.
  static func varying(_ flows: Int, then program: Int32) throws -> Int32 {
    let counter = unsafe bpf_map_create(BPF_MAP_TYPE_ARRAY, "counter", 4, 8, 1, nil)
    let stages = unsafe bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "stages", 4, 4, 1, nil)
    guard counter >= 0, stages >= 0 else { throw TestKitError("maps: errno \(errno)") }
    let loaded = try load([
      0x0000_0000_0000_16bf,  // r6 = context
      0x0000_0020_0000_02b7, 0x0000_0036_0000_0085,  // bpf_xdp_adjust_meta: facts are gone
      0x0000_0000_fffc_0a62,  // the key: 0
      0x0000_0000_0000_a2bf, 0xffff_fffc_0000_0207,  // r2 = its address
      0x0000_0000_0000_1118 | UInt64(UInt32(bitPattern: counter)) << 32, 0,
      0x0000_0001_0000_0085,  // bpf_map_lookup_elem
      0x0000_0000_0001_0055, 0x0000_0000_0000_0095,  // if (!r0) return
      0x0000_0000_0000_0779,  // r7 = *r0
      0x0000_0001_0000_0707, 0x0000_0000_0000_707b,  // *r0 = r7 + 1
      0x0000_0000_0000_6261, 0x0000_0000_0004_6361,  // r2, r3 = data, end
      0x0000_0000_0000_24bf, 0x0000_002a_0000_0407,  // r4 = r2 + 42
      0x0000_0000_0001_34bd, 0x0000_0000_0000_0095,  // if (r4 > r3) return
      0x0000_0000_0000_0757 | UInt64(flows - 1) << 32,  // r7 &= flows - 1
      0x0000_0000_0022_726b,  // *(u16 *)(r2 + 34) = r7
      0x0000_0000_0000_61bf,  // r1 = context
      0x0000_0000_0000_1218 | UInt64(UInt32(bitPattern: stages)) << 32, 0,
      0x0000_0000_0000_03b7, 0x0000_000c_0000_0085,  // bpf_tail_call of 0
      0x0000_0002_0000_00b7, 0x0000_0000_0000_0095,  // XDP_PASS
    ])
    var key: UInt32 = 0
    var value = program
    let result = unsafe bpf_map_update_elem(stages, &key, &value, 0)
    guard result == 0 else { throw TestKitError("tail call: errno \(-result)") }
    // The map forgets its programs with the last descriptor: it stays open, for the figures' sake.
    return loaded
  }

  private static func load(_ program: [UInt64]) throws -> Int32 {
    let loaded = unsafe program.withUnsafeBufferPointer { words in
      unsafe words.withMemoryRebound(to: bpf_insn.self) { instructions in
        unsafe bpf_prog_load(
          BPF_PROG_TYPE_XDP, "bench", "GPL", instructions.baseAddress, instructions.count, nil)
      }
    }
    guard loaded >= 0 else { throw TestKitError("XDP program: errno \(-loaded)") }
    return loaded
  }
}

import Glibc
import MartletTestKit
import Testing
import XSK

@testable import Steering

/// Workers with a heart each, and whose packets go to the kernel with which.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct HeartTests {
  static let arp = PacketBuilder().arpRequest()

  /// Each has as long as the limit to begin.
  @Test(arguments: [0, 1, Heart.limit - 1])
  func everyHeartIsStarted(_ worker: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.register(
        socket: bench.socket.fileDescriptor, interface: bench.near, queue: 0, worker: worker)
      try bench.program.setRules([Rule(.everything, .socket)])
      try bench.program.setHeartbeat(.seconds(60))
      #expect(try bench.trial(Self.arp) == .socket)
    }
  }

  /// The clock is asked by a program, for which there is no descriptor.
  @Test func noHeartbeatIsLeftWithoutAClock() async throws {
    let namespace = try NetworkNamespace()
    await #expect(processExitsWith: .success) { [path = namespace.path as String] in
      try NetworkNamespace.join(path)
      var bench = try Bench()
      var limit = rlimit()
      // The structure outlives the calls.
      precondition(unsafe getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0)
      var none = rlimit(rlim_cur: 0, rlim_max: limit.rlim_max)
      precondition(unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &none) == 0)
      let error = refusal { () throws(XDPError) in
        try bench.program.setHeartbeat(.seconds(60))
      }
      precondition(unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0)
      precondition(error != nil && bench.program.longestSleep == nil, "\(error as Any)")
      try bench.program.setHeartbeat(.seconds(60))
      precondition(bench.program.longestSleep == .seconds(30))
    }
  }

  /// What user space takes for the kernel's tick may be one or two ahead of it.
  @Test func aBeatMayBeAhead() async throws {
    try await withNetworkNamespace {
      var bench = try Bench()
      try bench.program.setRules([Rule(.everything, .socket)])
      try bench.program.setHeartbeat(.seconds(60))
      bench.program.object.settings.beat(try JiffiesClock().ticks + 1000, worker: 0)
      #expect(try bench.trial(Self.arp) == .socket)
    }
  }

  /// Two interfaces, the first served by worker 0 and the second by worker 1.
  @Test(arguments: [0, 1])
  func oneHeartStops(_ stopped: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("other", "peer")
      let other = try Interface(named: "other")
      let umem = try UMEM(region: MemoryRegion(byteCount: 1 << 20))
      let socket = try umem.bind(other, queue: 0, mode: .copy)
      try bench.program.attach(to: other, mode: .generic)
      try bench.program.register(
        socket: socket.fileDescriptor, interface: other, queue: 0, worker: 1)
      try bench.program.setRules([Rule(.arp, .drop)])
      try bench.program.setHeartbeat(.milliseconds(60))
      let heart = try bench.program.heart(of: 1 - stopped)
      let (dead, alive) = stopped == 0 ? (bench.near, other) : (other, bench.near)
      // Until the one has stopped for long enough; unless this thread had to wait for so long that
      // the other counts as stopped too.
      var rounds = 0
      let end = ContinuousClock.now + .seconds(10)
      while rounds < 20, ContinuousClock.now < end {
        let start = ContinuousClock.now
        heart.beat()
        let verdict = try bench.program.trial(of: Self.arp, interface: alive)
        if ContinuousClock.now - start < .milliseconds(40) { #expect(verdict == .drop) }
        if try bench.program.trial(of: Self.arp, interface: dead) == .kernel { rounds += 1 }
      }
      #expect(rounds == 20)
    }
  }
}

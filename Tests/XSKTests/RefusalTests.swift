import CXDP
import Expectations
import Glibc
import MartletTestKit
import SystemPackage
import Testing
import XSK

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(1)))
struct RefusalTests {
  /// The error of a bind that must fail; everything it made is gone again.
  private static func refusal(
    _ umem: UMEM, _ interface: Interface, queue: Int = 0, mode: BindMode = .copy,
    _ change: (inout BindOptions) -> Void = { _ in }
  ) throws -> XDPError {
    var options = BindOptions()
    change(&options)
    let error = #expect(throws: XDPError.self) {
      _ = try umem.bind(interface, queue: queue, mode: mode, options: options)
    }
    return try #require(error)
  }

  private static func promiscuousRefusal(_ interface: Interface) -> XDPError? {
    #expect(throws: XDPError.self) { _ = try PromiscuousMembership(interface) }
  }

  @Test("An interface that does not exist: the error names those that do")
  func noSuchInterface() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let caught = #expect(throws: XDPError.self) { _ = try Interface(named: "eth9") }
      let error = try #require(caught)
      #expect(error.kind == .noSuchInterface)
      let text = error.description
      #expect(text.hasPrefix("use eth9: there is no such interface here; name one of: lo, "))
      #expect(text.contains("near") && text.contains("far"))
    }
  }

  @Test("A queue out of range: the error says how many there are")
  func queueOutOfRange() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let umem = try makeUMEM()
      for queue in [-1, 2, 1 << 40] {
        let error = try Self.refusal(umem, Interface(named: "near"), queue: queue)
        #expect(error.kind == .noSuchQueue)
        #expect(
          error.description
            == "bind near queue \(queue): near has 2 queues, numbers 0 to 1; choose one of these")
      }
    }
  }

  @Test("An interface that is not up")
  func notUp() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try runProgram(["ip", "link", "set", "near", "down"])
      let error = try Self.refusal(makeUMEM(), Interface(named: "near"))
      #expect(error.kind == .interfaceDown)
      #expect(
        error.description
          == "bind near queue 0: near is not up; run: ip link set dev near up")
    }
  }

  @Test("An interface that went after it was looked up")
  func gone() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      try runProgram(["ip", "link", "delete", "near"])
      #expect(near.state() == .gone)
      #expect(try Self.refusal(makeUMEM(), near).kind == .interfaceGone)
      #expect(throws: XDPError.self) { _ = try near.mtu() }
      #expect(throws: XDPError.self) { _ = try near.queueCounts() }
      #expect(near.driver() == nil && near.hardwareAddress == nil)
    }
  }

  @Test("A busy queue: the error names the process, and the bound on trying again holds")
  func busy() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let holder = try umem.bind(near, queue: 0, mode: .copy)
      let begin = ContinuousClock.now
      let error = try Self.refusal(makeUMEM(), near) { $0.busyTimeout = .milliseconds(50) }
      #expect(ContinuousClock.now - begin >= .milliseconds(50))
      #expect(error.kind == .queueBusy)
      #expect(error.errno == .resourceBusy)
      #expect(error.reason == "another AF_XDP socket holds the queue")
      #expect(error.remedy.hasPrefix("stop its program (running: "))
      #expect(error.remedy.contains("(process \(getpid()))"))
      let own = try Self.refusal(umem, near)
      #expect(own.kind == .queueBusy)
      #expect(own.reason == "this packet memory is bound to the queue already")
      expectEqual(holder.kick(), .done)
    }
  }

  @Test("A queue closed a moment ago is had again within the bound")
  func busyForAMoment() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      for _ in 0..<5 {
        let socket = try makeUMEM().bind(near, queue: 0, mode: .copy)
        expectEqual(socket.kick(), .done)
      }
    }
  }

  @Test("Zero copy refused: the error names the driver, and copy mode can be had at once")
  func zeroCopyRefused() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let error = try Self.refusal(umem, near, mode: .zeroCopy)
      #expect(error.kind == .modeRefused)
      #expect(error.reason.hasPrefix("driver veth of this kernel does not offer zero copy: "))
      let socket = try umem.bind(near, queue: 0, mode: .copy)
      expectEqual(socket.kick(), .done)
    }
  }

  @Test("Sockets on one memory must agree on mode and multi-buffer")
  func disagreement() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let socket = try umem.bind(near, queue: 0, mode: .copy)
      #expect(try Self.refusal(umem, near, queue: 1, mode: .zeroCopy).kind == .configuration)
      let error = try Self.refusal(umem, near, queue: 1) { $0.usesMultiBuffer = true }
      #expect(error.reason == "the other sockets on this packet memory are copy")
      expectEqual(socket.kick(), .done)
    }
  }

  @Test("Packets longer than a chunk: the error says what would do")
  func packetTooLong() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 3000 }
      let near = try Interface(named: "near")
      let error = try Self.refusal(makeUMEM(), near)
      #expect(error.kind == .packetTooLong)
      #expect(
        error.description
          == "bind near queue 0: packets of near have up to 3022 bytes and a chunk holds 1792; "
          + "use chunks of 4096 bytes or multi-buffer")
      let large = try makeUMEM { $0.chunkSize = 4096 }.bind(near, queue: 0, mode: .copy)
      expectEqual(large.kick(), .done)
    }
  }

  @Test("Packets in several descriptors can be asked for")
  func multiBuffer() async throws {
    guard KernelFeature.fragments.isExpected else { return }
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 9000 }
      var options = BindOptions()
      options.usesMultiBuffer = true
      let near = try Interface(named: "near")
      let socket = try makeUMEM().bind(near, queue: 0, mode: .copy, options: options)
      expectEqual(socket.kick(), .done)
    }
  }

  @Test("Without CAP_NET_RAW the error names the capability")
  func notPermitted() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let first = try umem.bind(near, queue: 0, mode: .copy)
      let (error, promiscuous) = try withoutCapability(netRaw) {
        (
          try Self.refusal(makeUMEM(), near),
          Self.promiscuousRefusal(near)
        )
      }
      #expect(error.kind == .notPermitted)
      #expect(error.reason == "an AF_XDP socket takes the capability CAP_NET_RAW")
      #expect(promiscuous?.kind == .notPermitted)
      expectEqual(first.kick(), .done)
    }
  }

  @Test("A refused further socket leaves the others and the registration as they were")
  func refusedFurther() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let first = try umem.bind(near, queue: 0, mode: .copy)
      let error = try withoutCapability(netRaw) { try Self.refusal(umem, near, queue: 1) }
      #expect(error.kind == .notPermitted)
      let blocker = try makeUMEM().bind(near, queue: 1, mode: .copy)
      let busy = try Self.refusal(umem, near, queue: 1) { $0.busyTimeout = .milliseconds(10) }
      #expect(busy.kind == .queueBusy)
      expectEqual(blocker.kick(), .done)
      _ = consume blocker
      let second = try umem.bind(near, queue: 1, mode: .copy)
      expectEqual(second.kick(), .done)
      expectEqual(first.kick(), .done)
    }
  }
}

/// CAP_NET_RAW of linux/capability.h.
private let netRaw = 13

/// Runs `body` with one capability less on the calling thread, and takes it back afterwards.
func withoutCapability<R>(_ capability: Int, _ body: () throws -> R) throws -> R {
  // struct __user_cap_header_struct (version 3, this thread), and two of __user_cap_data_struct:
  // effective, permitted and inheritable bits of capabilities 0 to 31, then of the rest.
  var header: [UInt32] = [0x2008_0522, 0]
  var data = [UInt32](repeating: 0, count: 6)
  // The arrays have the sizes of the structures.
  guard unsafe cxdp_capget(&header, &data) == 0 else { throw TestKitError("capget: \(errno)") }
  var reduced = data
  reduced[0] &= ~(1 << UInt32(capability))
  guard unsafe cxdp_capset(&header, &reduced) == 0 else { throw TestKitError("capset: \(errno)") }
  defer { precondition(unsafe cxdp_capset(&header, &data) == 0) }
  return try body()
}

import CXDP
import Expectations
import Glibc
import MartletTestKit
import Testing

@testable import Martlet
@testable import Steering

private let sockets = KernelFeature.sockets

/// What `bind` says where it cannot, and that it leaves nothing behind.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct BindErrorTests {
  /// Binds `near` in a namespace of its own after `prepare`, and looks at the error.
  private static func expectRefusal(
    _ kind: XDPError.Kind, saying texts: [String], interface: String = "near", queue: Int = 0,
    prepare: @escaping @Sendable () throws -> Void = {}
  ) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      try prepare()
      var engine = try Engine()
      let error = try #require(refusal(&engine, interface, queue: queue))
      #expect(error.kind == kind)
      for text in texts { #expect(error.description.contains(text), "\(error)") }
      #expect(!error.description.contains("\n"))
      try expectNothingAttached(to: "near")
      engine.expectConserved()
    }
  }

  @Test("No such interface: those there are are named")
  func noSuchInterface() async throws {
    try await Self.expectRefusal(.noSuchInterface, saying: ["eth77", "near"], interface: "eth77")
  }

  @Test("Not up: the command is given")
  func notUp() async throws {
    try await Self.expectRefusal(
      .interfaceDown, saying: ["near is not up", "ip link set dev near up"]
    ) {
      try runProgram(["ip", "link", "set", "dev", "near", "down"])
    }
  }

  @Test("Queue out of range: how many there are")
  func queueOutOfRange() async throws {
    try await Self.expectRefusal(.noSuchQueue, saying: ["2 queues, numbers 0 to 1"], queue: 2)
  }

  @Test("MTU too large: which chunk would do")
  func mtuFitsLargerChunk() async throws {
    try await Self.expectRefusal(.packetTooLong, saying: ["3022", "1792", "chunks of 4096"]) {
      try runProgram(["ip", "link", "set", "dev", "near", "mtu", "3000"])
    }
  }

  @Test("MTU beyond every chunk: multi-buffer would do")
  func mtuFitsNoChunk() async throws {
    try await Self.expectRefusal(.packetTooLong, saying: ["9022", "multi-buffer"]) {
      try runProgram(["ip", "link", "set", "dev", "near", "mtu", "9000"])
    }
  }

  @Test("As many ports as an engine can have, and not one more")
  func portLimit() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = Engine.portLimit + 1 }
      var settings = Engine.Configuration()
      settings.ringSize = 64
      var engine = try Engine(settings)
      let queues = (0...Engine.portLimit).map { QueueName("near", queue: $0) }
      func expectRefused(_ queues: [QueueName]) throws {
        let error = try #require(throws: XDPError.self) { try engine.bind(queues) }
        #expect(error.kind == .configuration)
        #expect(error.description.contains("1 to \(Engine.portLimit) ports"), "\(error)")
      }
      try expectRefused(queues)
      try expectRefused([])
      #expect(try engine.bind(Array(queues.dropLast())).count == Engine.portLimit)
      try expectRefused([queues[Engine.portLimit]])
      engine.expectConserved()
    }
  }

  @Test("Queue busy: who holds it")
  func queueBusy() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      var holder = try Engine()
      _ = try holder.bind("near", queue: 0)
      var engine = try Engine()
      let error = try #require(refusal(&engine, "near"))
      #expect(error.kind == .queueBusy)
      let name = try runProgram(["cat", "/proc/\(getpid())/comm"]).dropLast()
      #expect(error.description.contains("\(name) (process \(getpid()))"))
      // The holder was not disturbed.
      try holder.steer(.everything)
      let tap = try PacketTap("far")
      let packets = (0..<64).map { datagram(number: $0, flow: $0) }
      try tap.send(packets)
      expect(try holder.collect(1, from: holder.allPorts[0]).count >= 1)
    }
  }

  @Test("Another engine steers the interface already: it is named")
  func steeredAlready() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      var holder = try Engine()
      _ = try holder.bind("near", queue: 0)
      var engine = try Engine()
      let error = try #require(refusal(&engine, "near", queue: 1))
      #expect(error.kind == .foreignProgram)
      #expect(error.description.contains("this process itself"))
      // The queue is free again for the one that may have it.
      _ = try whileBusy { () throws(XDPError) in try holder.bind("near", queue: 1) }
    }
  }

  @Test("A foreign XDP program: named, and left alone", arguments: [true, false])
  func foreignProgram(isNative: Bool) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let foreign = try ForeignProgram(on: Interface(named: "near"), isNative: isNative)
      var engine = try Engine()
      let error = try #require(refusal(&engine, "near"))
      #expect(error.kind == .foreignProgram)
      #expect(error.description.contains("bystander"))
      #expect(error.remedy.contains("ip link set dev near"))
      #expect(try runProgram(["ip", "-d", "link", "show", "near"]).contains("bystander"))
      foreign.detach()
      _ = try whileBusy { () throws(XDPError) in try engine.bind("near", queue: 0) }
    }
  }

  @Test(
    "Without a capability: which one",
    arguments: [
      (Capability.netRaw, "CAP_NET_RAW"), (.netAdmin, "CAP_NET_ADMIN"), (.bpf, "CAP_BPF"),
      (.perfmon, "CAP_PERFMON"),
    ])
  func notPermitted(_ capability: Capability, _ name: String) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      // CAP_SYS_ADMIN stands for CAP_NET_ADMIN in parts of the kernel.
      let error = try without([capability, .sysAdmin]) { refusal(&engine, "near") }
      #expect(error?.kind == .notPermitted)
      #expect(error?.description.contains(name) == true, "\(error as Any)")
      try expectNothingAttached(to: "near")
      _ = try whileBusy { () throws(XDPError) in try engine.bind("near", queue: 0) }
    }
  }

  @Test(
    "What an engine needs for a port cannot be had after all else: nothing is left behind",
    arguments: [false, true])
  func unmapped(readsFacts: Bool) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      var configuration = Engine.Configuration()
      configuration.readsFacts = readsFacts
      var engine = try Engine(configuration)
      _ = try whileBusy { () throws(XDPError) in try engine.bind("near", queue: 0) }
      if !readsFacts { try engine.setHeartbeat(.seconds(60)) }
      let settings = try engine.steering("look") { $0.object.settingsMap }
      // For as long as they cannot be mapped.
      let kept = dup(settings)
      // A C string.
      let null = unsafe open("/dev/null", O_RDWR)
      #expect(dup2(null, settings) == settings)
      let error = refusal(&engine, "near", queue: 1)
      #expect(dup2(kept, settings) == settings)
      close(kept)
      close(null)
      #expect(error?.kind != .queueBusy, "\(error as Any)")
      _ = try whileBusy { () throws(XDPError) in try engine.bind("near", queue: 1) }
      expectEqual(engine.allPorts.count, 2)
    }
  }

  @Test("Memory limit: how much was wanted and what raises it")
  func memoryLimit() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var configuration = Engine.Configuration()
      configuration.memory = 64 << 20
      var limit = rlimit()
      // The structure outlives the call.
      unsafe getrlimit(Int32(__RLIMIT_MEMLOCK.rawValue), &limit)
      guard limit.rlim_cur < 64 << 20 else { return }
      var engine = try Engine(configuration)
      let error = try without([.ipcLock, .sysAdmin]) { refusal(&engine, "near") }
      #expect(error?.kind == .memoryLimit)
      #expect(error?.description.contains("RLIMIT_MEMLOCK") == true)
      #expect(error?.remedy.contains("CAP_IPC_LOCK") == true)
      try expectNothingAttached(to: "near")
    }
  }

  @Test("More memory than there is: refused before the kernel is asked")
  func moreThanThereIs() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 40
    do throws(XDPError) {
      _ = try Engine(configuration)
      Issue.record("a tebibyte was found")
    } catch {
      #expect(error.kind == .memoryLimit)
    }
  }
}

/// Somebody else's XDP program, which passes everything on.
private final class ForeignProgram {
  private let interface: Int32
  private let flags: UInt32
  private var isAttached = true

  init(on interface: Interface, isNative: Bool) throws {
    self.interface = Int32(bitPattern: interface.index)
    flags = UInt32(isNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE)
    let program: [UInt64] = [
      0x0000_0002_0000_00b7,  // r0 = XDP_PASS
      0x0000_0000_0000_0095,  // return it
    ]
    // C strings and the instructions live for the length of the call.
    let loaded = unsafe program.withUnsafeBufferPointer { words in
      unsafe words.withMemoryRebound(to: bpf_insn.self) { instructions in
        unsafe bpf_prog_load(
          BPF_PROG_TYPE_XDP, "bystander", "GPL", instructions.baseAddress, instructions.count, nil)
      }
    }
    guard loaded >= 0 else { throw TestKitError("XDP program: errno \(-loaded)") }
    defer { close(loaded) }
    let attached = bpf_xdp_attach(self.interface, loaded, flags, nil)
    guard attached == 0 else { throw TestKitError("XDP attach: errno \(-attached)") }
  }

  func detach() {
    if isAttached { _ = bpf_xdp_detach(interface, flags, nil) }
    isAttached = false
  }

  deinit { detach() }
}

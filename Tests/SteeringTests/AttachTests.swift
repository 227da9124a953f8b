import CXDP
import Glibc
import MartletTestKit
import Steering
import Testing
import XSK

/// Attaching, letting go, and who may have an interface.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct AttachTests {
  @Test(arguments: [AttachMode.native, .generic])
  func attachAndLetGo(mode: AttachMode) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      do {
        var program = try SteeringProgram()
        let attachment = try program.attach(to: near, mode: mode)
        #expect(program.attachment(to: near) == attachment)
        #expect(programs(on: near) == (mode == .native ? [1, 0] : [0, 1]))
      }
      #expect(programs(on: near) == [0, 0])
    }
  }

  @Test func detachLeavesTheOtherInterface() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      let far = try Interface(named: "far")
      var program = try SteeringProgram()
      try program.attach(to: near, mode: .native)
      try program.attach(to: far, mode: .native)
      program.detach(from: near)
      #expect(programs(on: near) == [0, 0] && programs(on: far) == [1, 0])
      #expect(program.attachment(to: near) == nil && program.attachment(to: far) != nil)
      try program.attach(to: near, mode: .generic)
      #expect(programs(on: near) == [0, 1])
    }
  }

  @Test func multiBufferProgramTakesJumboFrames() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.mtu = 9000 }
      let near = try Interface(named: "near")
      var plain = try SteeringProgram()
      let error = refusal { () throws(XDPError) in try plain.attach(to: near, mode: .native) }
      #expect(error?.kind == .packetTooLong)
      #expect(programs(on: near) == [0, 0])
      var program = try SteeringProgram(acceptsFragments: true)
      try program.attach(to: near, mode: .native)
      #expect(programs(on: near) == [1, 0])
    }
  }

  @Test func tooFewQueuesForThePeer() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      try runProgram(["ethtool", "-L", "near", "rx", "1"])
      let near = try Interface(named: "near")
      var program = try SteeringProgram()
      let error = refusal { () throws(XDPError) in try program.attach(to: near, mode: .native) }
      #expect(error?.kind == .modeRefused, "\(error?.description ?? "no error")")
      try program.attach(to: near, mode: .generic)
    }
  }

  @Test func noRoomForTheQueues() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      _ = try VethPair("third", "fourth") { $0.queueCount = 3 }
      var program = try SteeringProgram(socketCapacity: 4)
      let near = try Interface(named: "near")
      let far = try Interface(named: "far")
      let third = try Interface(named: "third")
      try program.attach(to: near, mode: .generic)
      let error = refusal { () throws(XDPError) in try program.attach(to: third, mode: .generic) }
      #expect(error?.kind == .configuration && programs(on: third) == [0, 0])
      try program.attach(to: far, mode: .generic)
      program.detach(from: near)
      // Places are used again, and their order does not matter.
      try program.attach(to: near, mode: .generic)
      let missing = refusal { () throws(XDPError) in
        try program.register(socket: 0, interface: near, queue: 2)
      }
      #expect(missing?.kind == .noSuchQueue)
    }
  }

  @Test func aSecondProgramIsRefusedWithTheHolder() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      var first = try SteeringProgram()
      try first.attach(to: near, mode: .native)
      var second = try SteeringProgram()
      let error = refusal { () throws(XDPError) in try second.attach(to: near, mode: .generic) }
      #expect(error?.kind == .foreignProgram)
      #expect(error?.reason.contains("this process itself") == true)
      #expect(programs(on: near) == [1, 0])
      first.detach(from: near)
      try second.attach(to: near, mode: .generic)
    }
  }

  @Test(arguments: [AttachMode.native, .generic])
  func someoneElsesProgramIsRefusedByName(mode: AttachMode) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      try attachForeignProgram(named: "someone", to: near, flags: mode == .native ? 4 : 2)
      var program = try SteeringProgram()
      let error = refusal { () throws(XDPError) in try program.attach(to: near, mode: .native) }
      #expect(error?.kind == .foreignProgram)
      #expect(error?.reason.contains("someone (id ") == true)
      #expect(error?.reason.contains("\(mode)") == true)
      // The remedy works as it is written.
      let command = error?.remedy.split(separator: ":", maxSplits: 1).last ?? ""
      try runProgram(command.split(separator: " ").map(String.init))
      try program.attach(to: near, mode: .native)
    }
  }

  /// As it is found where bpffs is not the one that its owner had.
  @Test func aDispatcherThatCannotBeReadIsRefused() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      try attachForeignProgram(named: "xdp_dispatcher", to: near, flags: 4)
      var program = try SteeringProgram()
      let error = refusal { () throws(XDPError) in try program.attach(to: near, mode: .native) }
      #expect(error?.kind == .foreignProgram)
      #expect(error?.reason.contains("not to be found in bpffs") == true)
      #expect(programs(on: near) == [1, 0])
    }
  }

  /// As libxdp leaves it on kernels that refuse its dispatcher.
  @Test func anOrphanOfOursIsReplaced() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      try attachForeignProgram(named: "martlet_steer", to: near, flags: 2)
      var program = try SteeringProgram()
      try program.attach(to: near, mode: .native)
      #expect(programs(on: near) == [1, 0])
    }
  }

  @Test func anInterfaceThatVanishes() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      var program = try SteeringProgram()
      try program.attach(to: near, mode: .native)
      try runProgram(["ip", "link", "del", "near"])
      program.detach(from: near)
      let error = refusal { () throws(XDPError) in try program.attach(to: near, mode: .native) }
      #expect(error?.kind == .interfaceGone)
    }
  }
}

/// What an operation threw.
func refusal(_ body: () throws(XDPError) -> some Any) -> XDPError? {
  do throws(XDPError) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}

/// How many programs the interface has in native and in generic mode.
func programs(on interface: Interface) -> [Int] {
  var answer = bpf_xdp_query_opts()
  // libbpf writes into the structure, whose size it is told.
  guard unsafe cxdp_query_programs(Int32(interface.index), &answer) == 0 else { return [] }
  return [answer.drv_prog_id, answer.skb_prog_id].map { $0 == 0 ? 0 : 1 }
}

/// Attaches a program that passes everything, by netlink: it stays until it is removed.
func attachForeignProgram(named name: String, to interface: Interface, flags: UInt32) throws {
  let descriptor = loadForeignProgram(named: name)
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  // No options.
  let result = bpf_xdp_attach(Int32(interface.index), descriptor, flags, nil)
  try #require(result == 0)
}

/// Loads a program that passes everything; its descriptor, or a negative error.
func loadForeignProgram(named name: String) -> Int32 {
  // r0 = XDP_PASS; exit
  let program: [UInt64] = [0x0000_0002_0000_00B7, 0x95]
  // Two instructions of eight bytes each.
  return unsafe program.withUnsafeBytes { bytes in
    unsafe bpf_prog_load(
      BPF_PROG_TYPE_XDP, name, "GPL", bytes.baseAddress?.assumingMemoryBound(to: bpf_insn.self), 2,
      nil)
  }
}

import CXDP
import Glibc
import MartletTestKit
import Testing
import XSK

/// What cannot be done is said in one line: what, why, and what to do.
@Suite("Bad input", .enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct RefusalTests {
  /// Runs `forward left right` with options, perhaps through another program, and expects status 1,
  /// one line with all of `words`, and nothing left behind.
  private static func expectRefusal(
    with options: [String] = [], of command: [String] = ["forward", "left", "right"],
    through wrapper: [String] = [], saying words: String...
  ) throws {
    let before = try isSomethingAttached()
    let tool = try Tool(command + options + ["--json"], through: wrapper)
    #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(1))
    #expect(tool.errorLines.count == 1, "\(tool.errorLines)")
    #expect(tool.output.isEmpty)
    let line = tool.errorLines.first ?? ""
    #expect(line.hasPrefix("martlet: "))
    for word in words { #expect(line.contains(word), "\(word): \(line)") }
    #expect(try isSomethingAttached() == before)
  }

  @Test func limits() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try Self.expectRefusal(
        with: ["--memory", "4K"], saying: "4096 bytes of memory are too little", "8192 bytes")
      try Self.expectRefusal(with: ["--memory", "2K"], saying: "less than a node", "4096 or more")
      try Self.expectRefusal(
        through: ["bash", "-c", #"ulimit -f 64; exec "$@""#, "bash"],
        saying: "reserve 8192 KiB of packet memory", "files of 65536 bytes only", "ulimit -f")
    }
  }

  @Test func interfaces() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try Self.expectRefusal(
        of: ["forward", "left", "eth9"], saying: "eth9", "no such interface", "name one of: lo, ")
      try Self.expectRefusal(of: ["sink", "eth9"], saying: "eth9", "no such interface", "left, ")
      try Self.expectRefusal(of: ["sink", ""], saying: "use \"\": there is no such interface")
      try Self.expectRefusal(of: ["generate", "eth9"], saying: "eth9", "no such interface")
      try runProgram(["ip", "link", "property", "add", "dev", "left", "altname", "also-left"])
      let tool = try Tool(["forward", "left", "also-left"])
      #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(64))
      #expect(tool.errorLines.first?.hasPrefix("Error: A wire needs two different") == true)
      try runProgram(["ip", "link", "set", "right", "down"])
      try Self.expectRefusal(saying: "right is not up", "ip link set dev right up")
    }
  }

  @Test func queues() async throws {
    try await withNetworkNamespace {
      _ = try Wires(queueCount: 2)
      try Self.expectRefusal(
        with: ["--queue", "2"], saying: "left queue 2", "2 queues, numbers 0 to 1",
        "choose one of these")
      let other = try Tool.started("sink", "right", "--queue", "1", "--json")
      try Self.expectRefusal(
        with: ["--queue", "1"], saying: "right queue 1", "another AF_XDP socket holds the queue",
        "stop its program (running: ")
      _ = try other.stop()
    }
  }

  @Test func packetsTooLong() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try runProgram(["ip", "link", "set", "right", "mtu", "3000"])
      try Self.expectRefusal(
        saying: "right have up to 3022 bytes", "a chunk holds 1792", "use chunks of 4096 bytes")
      try runProgram(["ip", "link", "set", "right", "mtu", "9000"])
      try Self.expectRefusal(
        saying: "right have up to 9022 bytes", "a chunk holds 1792", "multi-buffer or lower the MTU"
      )
      try Self.expectRefusal(
        with: ["--size", "1515"], of: ["generate", "left"], saying: "its MTU is 1500",
        "--size of at most 1514")
    }
  }

  @Test func modes() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try Self.expectRefusal(
        with: ["--mode", "zero-copy"], saying: "left queue 0", "driver veth",
        "does not offer zero copy",
        "use copy mode")
    }
  }

  @Test func memory() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try Self.expectRefusal(
        with: ["--memory", "1000"], saying: "1000 bytes of memory", "at least one chunk")
      try Self.expectRefusal(with: ["--memory", "512G"], saying: "the machine has", "ask for less")
      try Self.expectRefusal(with: ["--memory", "4096G"], saying: "that is not a size")
      let limited = [
        "prlimit", "--memlock=65536", "setpriv", "--bounding-set=-ipc_lock",
        "--inh-caps=-ipc_lock",
      ]
      try Self.expectRefusal(
        through: limited, saying: "8192 KiB", "RLIMIT_MEMLOCK (64 KiB)", "CAP_IPC_LOCK", "ulimit -l"
      )
      try Self.expectRefusal(
        with: ["--cpu", "60000"], saying: "processor 60000", "Cpus_allowed_list")
    }
  }

  @Test(arguments: [
    (without: "net_raw", named: "CAP_NET_RAW"), (without: "net_admin", named: "CAP_NET_ADMIN"),
    (without: "bpf,-sys_admin", named: "CAP_BPF"),
  ])
  func capabilities(without: String, named: String) async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      let wrapper = ["setpriv", "--bounding-set=-\(without)", "--inh-caps=-\(without)"]
      try Self.expectRefusal(through: wrapper, saying: named, "run as root")
    }
  }

  @Test func foreignProgram() async throws {
    try await withNetworkNamespace {
      _ = try Wires()
      try attachForeignProgram(to: Interface(named: "right"))
      try Self.expectRefusal(saying: "right", "someone (id ", "xdpdrv off")
    }
  }
}

/// Attaches a program that lets everything pass and is called "someone".
private func attachForeignProgram(to interface: Interface) throws {
  // r0 = XDP_PASS; exit
  let program: [UInt64] = [0x0000_0002_0000_00B7, 0x95]
  // Two instructions of eight bytes each.
  let descriptor = unsafe program.withUnsafeBytes { bytes in
    unsafe bpf_prog_load(
      BPF_PROG_TYPE_XDP, "someone", "GPL",
      bytes.baseAddress?.assumingMemoryBound(to: bpf_insn.self), 2, nil)
  }
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  // In the driver, no options.
  try #require(bpf_xdp_attach(Int32(interface.index), descriptor, 4, nil) == 0)
}

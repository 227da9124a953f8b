import Martlet
import MartletTestKit

/// The rivals that live rows know.
///
/// Each starts at work, is paused at once, and is closed by whoever asked for it.
struct Rivals {
  let stage: Stage

  /// What is done with a packet, and where it can be counted.
  enum Task: String {
    case sink, reflect, forward
  }

  /// The command `martlet`, as users have it; `end` hangs where its packets arrive.
  func martlet(
    _ task: Task, _ lane: Stage.Lane, spins: Bool = true, options: [String] = [],
    name: String = "martlet", end: TrafficProgram? = nil, undo: @escaping () -> Void = {}
  ) throws -> Rival {
    let process = try stage.startRival(
      [try builtProgram("martlet"), task.rawValue] + interfaces(of: task, lane)
        + [spins ? "--spin" : "--wait"] + options)
    // What it announces ends with how it hangs on the interface.
    try waitForReadiness(of: process, "attached by")
    return try rival(name, task, lane, process, programs: end.map { [$0] } ?? [], undo: undo)
  }

  /// The reference in C.
  func c(_ task: Task, _ lane: Stage.Lane, spins: Bool = true) throws -> Rival {
    let process = try stage.startRival(
      [try builtProgram("MartletReference"), task.rawValue] + interfaces(of: task, lane)
        + (spins ? ["--spin"] : []))
    try waitForReadiness(of: process, "ready")
    return try rival("c", task, lane, process)
  }

  /// Whether DPDK's testpmd is installed.
  var hasDPDK: Bool { (try? runProgram(["which", "dpdk-testpmd"])) != nil }

  /// A driver of DPDK's that exchanges the addresses and sends back.
  func dpdk(_ driver: String, _ lane: Stage.Lane) throws -> Rival {
    let device =
      driver == "af_xdp"
      ? "net_af_xdp0,iface=\(lane.input),force_copy=1"
      : "net_af_packet0,iface=\(lane.input),qdisc_bypass=1"
    let cores = [stage.processors.generator.number, stage.processors.rivals.number]
    // It polls for what others redirect to it only with a program, or so.
    if driver != "af_xdp" { try stage.deviceSide.run { try stage.setGRO(true, of: lane.input) } }
    let process = try stage.startRival(
      [
        "dpdk-testpmd", "--no-shconf", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
        "--log-level", "lib.eal:4", "-l", "\(cores[0]),\(cores[1])", "--main-lcore", "\(cores[0])",
        "--vdev=\(device)", "--", "--forward-mode=macswap", "--auto-start", "--nb-cores=1",
        "--stats-period=100000", "--total-num-mbufs=16384", "--burst=64",
      ], onOneProcessor: false)
    try waitForReadiness(of: process, "Checking link statuses")
    // It begins when it has looked.
    rest(.seconds(1))
    return try rival("dpdk-\(driver)", .reflect, lane, process) { [stage] in
      try? stage.deviceSide.run { try stage.setGRO(false, of: lane.input) }
    }
  }

  /// A ring of the kernel's for packets that also go elsewhere (AF_PACKET, TPACKET_V3).
  func packetRing(_ lane: Stage.Lane) throws -> Rival {
    try stage.deviceSide.run { try stage.setGRO(true, of: lane.input) }
    let file = "/tmp/martlet-bench-\(Machine.ownProcess)-\(lane.number)"
    let process = try stage.startRival(
      [try builtProgram("MartletReference"), "packet-sink", lane.input, file])
    try waitForReadiness(of: process, "ready")
    return try Rival("tpacket_v3", on: lane, plan: plan(lane), process: process) { [stage] in
      try? stage.deviceSide.run { try stage.setGRO(false, of: lane.input) }
      _ = try? runProgram(["rm", "-f", file])
    } delivered: {
      try readNumber(in: file)
    }
  }

  /// The kernel's own ways, by the programs of the test kit: the ceiling.
  func kernel(_ task: Task, _ lane: Stage.Lane) throws -> Rival {
    let way: TrafficProgram
    var end: TrafficProgram?
    switch task {
    case .sink: way = try TrafficProgram(.sink)
    case .reflect: (way, end) = (try TrafficProgram(.reflect), try sink(at: lane.from))
    case .forward:
      (way, end) = (try TrafficProgram(.forward), try sink(at: lane.to))
      var plan = TrafficProgram.Plan()
      plan.interface = try stage.deviceSide.run { try interfaceNumber(lane.output) }
      try way.follow(plan)
    }
    try stage.deviceSide.run { try way.attach(to: lane.input) }
    let names = [Task.sink: "drop", .reflect: "tx", .forward: "redirect"]
    let counter = end ?? way
    return try Rival(
      "kernel-xdp-\(names[task] ?? "")", on: lane, plan: plan(lane),
      programs: [way] + (end.map { [$0] } ?? [])
    ) { counter.count }
  }

  /// The kernel's routing.
  func routing(_ lane: Stage.Lane) throws -> Rival {
    let (near, far) = ("10.9.\(lane.number).1", "10.8.\(lane.number).1")
    try stage.deviceSide.run {
      try stage.setGRO(true, of: lane.input)
      try assignAddress(near + "/24", to: lane.input)
      try assignAddress(far + "/24", to: lane.output)
      try runProgram([
        "ip", "neigh", "replace", "10.8.\(lane.number).2", "lladdr", "02:00:00:00:00:99", "dev",
        lane.output,
      ])
      try runProgram(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
    }
    var packet = PacketBuilder()
    packet.source.ipv4 = [10, 9, UInt8(lane.number), 2]
    packet.destination.ipv4 = [10, 8, UInt8(lane.number), 2]
    packet.destination.mac = lane.inputMAC
    var plan = TrafficProgram.Plan()
    plan.head = packet.udp(payload: payload)
    let counters = try InterfaceCounters(lane.to)
    return try Rival("kernel-ip_forward", on: lane, plan: plan) { [stage] in
      try? stage.deviceSide.run {
        try stage.setGRO(false, of: lane.input)
        for interface in [lane.input, lane.output] {
          try runProgram(["ip", "address", "flush", "dev", interface])
        }
      }
    } delivered: {
      try counters.receivedPackets()
    }
  }

  /// The cheapest end of a lane for frames that the kernel redirects, which counts them.
  func sink(at interface: String) throws -> TrafficProgram {
    let sink = try TrafficProgram(.sink)
    try sink.attach(to: interface)
    return sink
  }

  /// A UDP packet of 64 bytes to a station that is nobody's: the stack at the other end drops it at
  /// its first look.
  func plan(_ lane: Stage.Lane) -> TrafficProgram.Plan {
    var plan = TrafficProgram.Plan()
    plan.head = PacketBuilder().udp(payload: payload)
    return plan
  }

  private let payload = [UInt8](repeating: 0, count: 22)

  init(_ stage: Stage) { self.stage = stage }

  private func interfaces(of task: Task, _ lane: Stage.Lane) -> [String] {
    task == .forward ? [lane.input, lane.output] : [lane.input]
  }

  /// A process whose packets the kernel counts: those handed to its socket, or those that came out.
  private func rival(
    _ name: String, _ task: Task, _ lane: Stage.Lane, _ process: ChildProcess,
    programs: [TrafficProgram] = [], undo: @escaping () -> Void = {}
  ) throws -> Rival {
    switch task {
    case .sink:
      let counters = try stage.deviceSide.run { try InterfaceCounters(lane.input) }
      return try Rival(name, on: lane, plan: plan(lane), process: process, undo: undo) { [stage] in
        try stage.deviceSide.run { counters.driver()["rx_queue_0_xdp_redirect"] ?? 0 }
      }
    case .reflect, .forward:
      let counters = try InterfaceCounters(task == .reflect ? lane.from : lane.to)
      return try Rival(
        name, on: lane, plan: plan(lane), process: process, programs: programs, undo: undo
      ) {
        try counters.receivedPackets()
      }
    }
  }

  private func waitForReadiness(of process: ChildProcess, _ text: String) throws {
    guard try process.waitForOutput(text, timeout: .seconds(20)) else {
      throw TestKitError(
        "a rival does not start: "
          + String(decoding: process.standardError + process.standardOutput, as: UTF8.self))
    }
  }
}

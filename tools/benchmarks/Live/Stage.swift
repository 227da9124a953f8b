import Martlet
import MartletTestKit

/// Where live rows are measured: two network namespaces of this process, one of the generator and
/// one of the device under test, with twin lanes between them.
///
///     generator's namespace                 namespace of the device under test
///     from0 ─────────────────────────────── in0   what is measured takes packets here,
///     to0   ─────────────────────────────── out0  and sends them back or out here
///     from1, to1 ────────────────────────── in1, out1
///
/// Nothing of the machine's network is touched, and all of it vanishes with this object.
final class Stage {
  /// One of two equal ways through the device under test.
  struct Lane {
    let number: Int
    /// The generator's end, where reflected packets come back.
    let from: String
    /// The generator's end where forwarded packets arrive.
    let to: String
    let input: String
    let output: String
    /// The addresses of `input` and `output`.
    let inputMAC: [UInt8]
    let outputMAC: [UInt8]
  }

  let generatorSide: NetworkNamespace
  let deviceSide: NetworkNamespace
  private(set) var lanes: [Lane] = []
  /// Sends what the rivals get.
  let generator: TrafficProgram
  /// The processor of the generator and its share of the kernel's work, and that of the rivals.
  let processors: (generator: Processor, rivals: Processor)
  /// The kernel's threads for what interrupts left over.
  let kernelThreads: ProcessorTime

  /// Makes the namespaces and the lanes, and takes the calling thread into the generator's for as
  /// long as `body` runs.
  static func use<R>(_ body: (Stage) throws -> R) throws -> R {
    let generatorSide = try NetworkNamespace()
    return try generatorSide.run {
      let stage = try Stage(generatorSide)
      // While there still is an interface to take it off.
      defer { stage.generator.detach() }
      return try body(stage)
    }
  }

  private init(_ generatorSide: NetworkNamespace) throws {
    self.generatorSide = generatorSide
    deviceSide = try NetworkNamespace()
    let allowed = Machine.allowedProcessors()
    processors = (Processor(allowed.first ?? 0), Processor(allowed.dropFirst().first ?? 0))
    kernelThreads = try ProcessorTime(ofKernelThreads: ())
    generator = try TrafficProgram(.generate)
    // Where it sees no packet of ours: it only has to hang somewhere.
    try generator.attach(to: "lo", isGeneric: true)
    try processors.generator.pinThread()
    for number in 0..<2 { try addLane(number) }
  }

  private func addLane(_ number: Int) throws {
    let names = ["from", "in", "to", "out"].map { "\($0)\(number)" }
    for (near, far) in [(names[0], names[1]), (names[2], names[3])] {
      _ = try VethPair(near, far) { $0.farNamespace = deviceSide }
    }
    let addresses = try deviceSide.run {
      try [names[1], names[3]].map { name in
        guard let address = try Interface(named: name).hardwareAddress else {
          throw TestKitError("\(name) has no address")
        }
        return address
      }
    }
    lanes.append(
      Lane(
        number: number, from: names[0], to: names[2], input: names[1], output: names[3],
        inputMAC: addresses[0], outputMAC: addresses[1]))
  }

  /// Starts a program in the namespace of the device under test, on the processor of the rivals.
  func startRival(_ program: [String], onOneProcessor: Bool = true) throws -> ChildProcess {
    if onOneProcessor { try processors.rivals.pinThread() }
    defer { try? processors.generator.pinThread() }
    return try deviceSide.run { try ChildProcess(program) }
  }

  /// Runs `body` while no rival runs: in front of them, on their processor.
  ///
  /// Only then has the scheduler added up all that they have used, to the nanosecond. The kernel's
  /// thread on the generator's processor may run meanwhile; it takes next to nothing.
  func standstill<R>(_ body: () throws -> R) throws -> R {
    try inRealTime {
      try processors.rivals.pinThread()
      let result = Result { try body() }
      try processors.generator.pinThread()
      return try result.get()
    }
  }

  /// Turns an interface's generic receive offload on or off.
  ///
  /// One that has no program polls for redirected frames only with it.
  func setGRO(_ isOn: Bool, of interface: String) throws {
    try runProgram(["ethtool", "-K", interface, "gro", isOn ? "on" : "off"])
  }
}

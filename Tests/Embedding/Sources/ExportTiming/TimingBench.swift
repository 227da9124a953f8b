import Martlet
import MartletTestKit

/// An engine over rings in memory with two ports: one of the shared group, and one of a group that
/// is exported.
struct TimingBench: ~Copyable {
  var engine: Engine
  let plain: Port
  let flow: Port
  private let kernels: [MemoryRings]

  static let group = FlowGroup(index: 1)

  init() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 4 << 20
    configuration.isUnaligned = false
    configuration.fillDepth = 1024
    configuration.groups = [.init(), .init(arena: 4 << 20)]
    let kernels = (0..<2).map { _ in MemoryRings(MemoryRings.Sizes(all: 2048)) }
    var engine = try Engine(configuration)
    plain = engine.bind(inMemory: kernels[0].takeApplicationEnds())
    flow = engine.bind(inMemory: kernels[1].takeApplicationEnds(), group: Self.group)
    self.kernels = kernels
    self.engine = engine
  }

  mutating func export(to socket: consuming PeerSocket) throws -> FlowExport {
    try engine.export(Self.group, to: socket, ExportTerms())
  }

  /// Plays the kernel that receives a burst.
  private func arrive(_ index: Int) {
    let wanted = UInt32(burst)
    let rings = kernels[index]
    precondition(rings.fill.peek(wanted) == wanted && rings.receive.reserve(wanted) == wanted)
    for _ in 0..<burst {
      rings.receive.put(Descriptor(address: rings.fill.take() + 256, byteCount: 64))
    }
    rings.fill.release()
    rings.receive.submit()
  }

  /// A burst received in this process.
  @inline(never)
  private mutating func receivePlain() {
    while let frame = engine.receive(from: plain) {
      look(engine, frame)
      engine.release(frame)
    }
  }

  @inline(__always)
  private func look(_ engine: borrowing Engine, _ frame: borrowing Frame) {
    _ = judge(engine.bytes(of: frame))
  }
}

extension TimingBench {
  private static let slices = 20_000

  /// Receiving here, and the two halves of receiving there, in turn.
  mutating func oneThread(_ export: FlowExport, _ reader: inout FlowReader) {
    let clock = ContinuousClock()
    var best = [Double](repeating: .infinity, count: 3)
    var sums = [Double](repeating: 0, count: 3)
    for _ in 0..<Self.slices {
      arrive(0)
      let start = clock.now
      receivePlain()
      let received = clock.now
      arrive(1)
      let begun = clock.now
      engine.deliver(from: flow, to: export)
      let delivered = clock.now
      reader.forEach { judge($0) }
      reader.flush()
      let consumed = clock.now
      for (index, duration) in [received - start, delivered - begun, consumed - delivered]
        .enumerated()
      {
        let time = Double(duration.components.attoseconds) / 1e9 / Double(burst)
        best[index] = min(best[index], time)
        sums[index] += time
      }
    }
    let names = ["in process", "engine of an export", "its consumer"]
    for (name, (time, sum)) in zip(names, zip(best, sums)) {
      print("\(name): \(rounded(time)) ns, mean \(rounded(sum / Double(Self.slices)))")
    }
    print("export over in process: \(rounded(best[1] + best[2] - best[0])) ns a packet")
    summary(export)
  }

  /// Bursts through another process, in turn with as many that stay here.
  mutating func processes(_ export: FlowExport) {
    let clock = ContinuousClock()
    let perSlice = 200
    var best = [Double](repeating: .infinity, count: 2)
    var sums = [Double](repeating: 0, count: 2)
    let slices = 500
    for _ in 0..<slices {
      let start = clock.now
      for _ in 0..<perSlice {
        arrive(0)
        receivePlain()
      }
      let middle = clock.now
      for _ in 0..<perSlice {
        arrive(1)
        engine.deliver(from: flow, to: export)
        while (engine.report(of: export)?.outstanding ?? 0) > 512 { engine.serve(export) }
      }
      let end = clock.now
      for (index, duration) in [middle - start, end - middle].enumerated() {
        let time = Double(duration.components.attoseconds) / 1e9 / Double(burst * perSlice)
        best[index] = min(best[index], time)
        sums[index] += time
      }
    }
    while (engine.report(of: export)?.outstanding ?? 0) > 0 { engine.serve(export) }
    for (name, index) in [("in process", 0), ("through another process", 1)] {
      print("\(name): \(rounded(best[index])) ns, mean \(rounded(sums[index] / Double(slices)))")
    }
    print("export over in process: \(rounded(best[1] - best[0])) ns a packet")
    summary(export)
  }

  private func summary(_ export: FlowExport) {
    guard let report = engine.report(of: export) else { return }
    print(
      "packets \(report.packets), dropped \(report.dropped), stalled \(report.stalled), "
        + "refused \(report.refused), wake-ups \(report.wakes)")
  }
}

private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

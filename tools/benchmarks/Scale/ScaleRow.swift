import Martlet
import MartletTestKit

/// What a packet costs as an engine grows: by ports, by flow groups, by memory and by workers.
///
/// Over rings in memory whose other ends this process plays. What rules cost stands in the row
/// "steering".
enum ScaleRow {
  static func run(_ options: Options) throws -> any Findings {
    var report = ScaleReport(machine: Machine.description(), plotFolder: options.plotFolder)
    let slices = options.slicePairs ?? (options.isQuick ? 20 : 200)
    for axis in Axis.allCases {
      guard axis != .workers || Processor.available.count > 1 else {
        report.notes.append("workers: this machine has one processor")
        continue
      }
      progress("scale: \(axis.rawValue)")
      let sizes = axis.sizes(isQuick: options.isQuick)
      let contestants = try sizes.map { try axis.contestant($0) }
      let times = takeTurns(contestants, slices: slices)
      report.series.append(
        .init(axis: axis, points: zip(sizes, times).map { (size: $0, time: $1) }))
    }
    try report.plot()
    return report
  }

  /// What grows.
  enum Axis: String, CaseIterable {
    case ports
    case groups
    case memory = "MiB"
    /// Queues with a worker each.
    case workers

    func sizes(isQuick: Bool) -> [Int] {
      switch self {
      case .ports: isQuick ? [1, 8, 64] : [1, 2, 4, 8, 16, 32, 64]
      case .groups: isQuick ? [1, 32, 1024] : [1, 4, 16, 64, 256, 1024]
      case .memory: isQuick ? [8, 64] : [8, 32, 128, 512, 2048, 4096]
      case .workers: [1, 2]
      }
    }

    func contestant(_ size: Int) throws -> Turn {
      switch self {
      case .ports: Turn(try PortsContestant(ports: size, memory: 64 << 20))
      case .groups: Turn(try GroupsContestant(groups: size))
      case .memory: Turn(try PortsContestant(ports: 1, memory: size << 20))
      case .workers: Turn(try WorkersContestant(workers: size))
      }
    }
  }
}

/// An engine whose ports reflect a burst each, in turn.
struct Reflector: ~Copyable {
  private var engine: Engine
  private let rings: [MemoryRings]
  private var ports: [Port] = []

  static let burst = 64
  /// As many frames are in use at any size.
  static let fillDepth = 256

  init(_ engine: consuming Engine, ports count: Int) throws {
    self.engine = engine
    rings = (0..<count).map { _ in MemoryRings(MemoryRings.Sizes(all: 2048)) }
    for ring in rings { ports.append(self.engine.bind(inMemory: ring.takeApplicationEnds())) }
    _ = try self.engine.wait(timeout: .zero)
  }

  mutating func reflect(bursts: Int) {
    for round in 0..<bursts {
      let place = round % rings.count
      rings[place].deliver(Self.burst)
      engine.forward(from: ports[place], to: ports[place]) { packet in
        packet.swapAddresses()
        return .forward
      }
      rings[place].transmitAll()
    }
  }
}

/// One engine with many ports, or much memory.
final class PortsContestant: Contestant {
  private var reflector: Reflector

  let operations: Int

  init(ports count: Int, memory byteCount: Int) throws {
    var configuration = Engine.Configuration()
    configuration.memory = byteCount
    configuration.isUnaligned = false
    configuration.fillDepth = Reflector.fillDepth
    let memory = SimulatedMemory(byteCount: byteCount)
    operations = max(count, 16) * Reflector.burst
    reflector = try Reflector(
      try Engine(configuration, memory: memory.packetMemory()), ports: count)
  }

  func slice() { reflector.reflect(bursts: operations / Reflector.burst) }
}

/// Frames of as many flow groups, each in pages of its own: as many are held at any number of
/// groups, the oldest goes and another of its group comes.
final class GroupsContestant: Contestant {
  private var allocator: FrameAllocator
  private let held: Cells<UInt64>
  private let groups: Int
  private var next = 0

  let operations = 1024

  init(groups: Int) throws {
    self.groups = groups
    allocator = try FrameAllocator(
      .init(
        byteCount: 64 << 20,
        groups: .init(repeating: FlowGroup.Configuration(), count: groups)))
    held = Cells(repeating: 0, count: 8192)
    for place in 0..<held.count { held[place] = take(place) }
  }

  func slice() {
    for _ in 0..<operations {
      allocator.release(held[next])
      held[next] = take(next)
      next = (next &+ 1) & (held.count &- 1)
    }
  }

  @inline(__always)
  private func take(_ place: Int) -> UInt64 {
    let group = FlowGroup(index: place & (groups &- 1))
    guard let frame = allocator.allocate(byteCount: 594, group: group) else {
      fatalError("no memory")
    }
    return frame
  }
}

extension MemoryRings {
  /// Plays the kernel that receives: hands up `count` packets of 64 bytes.
  fileprivate func deliver(_ count: Int) {
    let wanted = UInt32(count)
    precondition(
      fill.peek(wanted) == wanted && receive.reserve(wanted) == wanted, "the fill ring ran dry")
    for _ in 0..<count { receive.put(Descriptor(address: fill.take() + 256, byteCount: 64)) }
    fill.release()
    receive.submit()
  }

  /// Plays the kernel that sends: completes whatever stands on the transmit ring.
  fileprivate func transmitAll() {
    let count = transmit.peek(.max)
    precondition(completion.reserve(count) == count, "the completion ring is full")
    for _ in 0..<count { completion.put(transmit.take().address) }
    transmit.release()
    completion.submit()
  }
}

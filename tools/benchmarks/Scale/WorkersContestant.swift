import Martlet
import MartletTestKit
import Synchronization

/// Workers over one memory with a queue each, on a thread and a processor each: the same packets
/// are dealt out to as many as there are.
final class WorkersContestant: Contestant {
  private var first: Reflector
  private let mates: [Mate]
  private let bursts: Int
  /// As they were before the calling thread was kept on one.
  private static let processors = Processor.available

  /// Long enough that starting the others does not count.
  let operations = 1 << 20

  init(workers count: Int) throws {
    var configuration = Engine.Configuration()
    configuration.memory = 64 << 20
    configuration.isUnaligned = false
    configuration.fillDepth = Reflector.fillDepth
    let memory = SimulatedMemory(byteCount: configuration.memory)
    let shared = try SharedMemory(inMemory: configuration, workers: count)
    bursts = operations / Reflector.burst / count
    first = try Reflector(try Engine(sharing: shared, memory: memory.packetMemory()), ports: 1)
    let processors = Self.processors
    try processors[0].pinThread()
    mates = (1..<count).map { Mate(shared, memory, processors[$0 % processors.count]) }
  }

  deinit { for mate in mates { mate.end() } }

  func slice() {
    for mate in mates { mate.start(bursts) }
    first.reflect(bursts: bursts)
    for mate in mates { mate.join() }
  }

  /// A worker on a thread of its own.
  private final class Mate: Sendable {
    private let asked = Atomic<Int>(0)
    private let done = Atomic<Int>(0)
    private let isOver = Flag()

    init(_ shared: SharedMemory, _ memory: SimulatedMemory, _ processor: Processor) {
      onThread { [self] in
        try? processor.pinThread()
        guard
          let engine = try? Engine(sharing: shared, memory: memory.packetMemory()),
          var reflector = try? Reflector(engine, ports: 1)
        else { fatalError("no engine for a worker of the benchmark's") }
        while !isOver.isSet {
          let bursts = asked.exchange(0, ordering: .acquiring)
          if bursts == 0 {
            rest(.microseconds(20))
            continue
          }
          reflector.reflect(bursts: bursts)
          done.store(bursts, ordering: .releasing)
        }
      }
    }

    func start(_ bursts: Int) { asked.store(bursts, ordering: .releasing) }

    func join() { while done.exchange(0, ordering: .acquiring) == 0 {} }

    func end() { isOver.set() }
  }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

/// An engine over rings in memory, with a simulated kernel behind each port.
struct Bench: ~Copyable {
  var engine: Engine
  private(set) var ports: [Port] = []
  private(set) var kernels: [SimulatedKernel] = []
  let memory: SimulatedMemory
  /// Chunks of packet memory.
  let chunks: Int

  /// What a bench is made of, in numbers small enough that rings wrap and memory runs short.
  struct Setup {
    var ports = 1
    /// The flow groups of the ports; those beyond the list are of the shared group.
    var portGroups: [FlowGroup] = []
    var chunks = 64
    /// Entries of every ring.
    var ringSize: UInt32 = 16
    /// Where the rings' cursors begin.
    var position: UInt32 = 0
    var configuration = Engine.Configuration()
  }

  init(_ change: (inout Setup) -> Void = { _ in }) throws {
    var setup = Setup()
    setup.configuration.fillDepth = 8
    setup.configuration.burst = 4
    change(&setup)
    setup.configuration.memory = setup.chunks * setup.configuration.chunkSize
    setup.configuration.ringSize = Int(setup.ringSize)
    let configuration = setup.configuration
    chunks = setup.chunks
    memory = SimulatedMemory(byteCount: setup.configuration.memory)
    engine = try Engine(configuration, memory: memory.packetMemory())
    for number in 0..<setup.ports {
      let hasGroup = setup.portGroups.indices.contains(number)
      let group = hasGroup ? setup.portGroups[number] : .shared
      let rings = MemoryRings(.init(all: setup.ringSize), position: setup.position)
      kernels.append(
        SimulatedKernel(rings: rings, memory: memory) {
          $0.takesFragments = configuration.takesFragments
          $0.chunkSize = configuration.chunkSize
          $0.isUnaligned = configuration.isUnaligned ?? false
          $0.headroom = configuration.headroom
        })
      ports.append(engine.bind(inMemory: rings.takeApplicationEnds(), group: group))
    }
  }

  /// The rings of port `index`, kernel's ends.
  func rings(_ index: Int = 0) -> MemoryRings { kernels[index].rings }

  /// Lets packets number `numbers` arrive.
  func arrive(
    _ numbers: Range<Int>, to index: Int = 0, at location: SourceLocation = #_sourceLocation
  ) {
    for number in numbers {
      expect(kernels[index].deliver(packet(number)), at: location)
    }
  }

  /// Shows `descriptors` on the receive ring as they are; no chunk leaves the fill ring.
  func show(_ descriptors: [Descriptor], at index: Int = 0) {
    let rings = rings(index)
    precondition(rings.receive.reserve(UInt32(descriptors.count)) == descriptors.count)
    for descriptor in descriptors { rings.receive.put(descriptor) }
    rings.receive.submit()
  }

  /// Shows `addresses` on the completion ring as they are.
  func complete(_ addresses: [UInt64], at index: Int = 0) {
    let rings = rings(index)
    precondition(rings.completion.reserve(UInt32(addresses.count)) == addresses.count)
    for address in addresses { rings.completion.put(address) }
    rings.completion.submit()
  }

  /// Takes up to `limit` packets of the current burst, keeps their bytes and releases them.
  mutating func take(_ limit: Int = .max, from index: Int = 0) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    while packets.count < limit, let frame = engine.receive(from: ports[index]) {
      packets.append(bytes(of: frame))
      engine.release(frame)
    }
    return packets
  }

  /// Takes bursts until nothing is left.
  mutating func takeAll(from index: Int = 0) -> [[UInt8]] {
    var packets = take(from: index)
    while case let more = take(from: index), !more.isEmpty { packets += more }
    return packets
  }

  /// Sends packet `number` from a fresh frame; false if there is none.
  mutating func send(_ number: Int, byteCount: Int = 60, to index: Int = 0) -> Bool {
    guard var frame = engine.allocate(byteCount: byteCount) else { return false }
    var view = engine.mutableBytes(of: &frame)
    write(packet(number, byteCount: byteCount), to: &view)
    engine.send(frame, to: ports[index])
    return true
  }

  /// A copy of a frame's bytes.
  ///
  /// A function of its own: where a view is taken of a `let` frame, the compiler lets nobody spend
  /// the frame later on.
  func bytes(of frame: borrowing Frame) -> [UInt8] { copy(engine.bytes(of: frame)) }

  func report(_ index: Int = 0) -> PortReport { engine.report(of: ports[index]) }

  /// Records an issue unless every granule is in one place and the two books agree.
  func check(at location: SourceLocation = #_sourceLocation) {
    let disagreement = engine.firstDisagreement()
    #expect(disagreement == nil, sourceLocation: location)
    let ledger = engine.ledger()
    #expect(ledger.isConserved, sourceLocation: location)
    let sum =
      ledger.free + ledger.fill + ledger.received + ledger.held + ledger.transmit
      + ledger.completion
    #expect(sum == ledger.total, sourceLocation: location)
  }

  /// Where the chunks are: free, fill, received, held, transmit, completion.
  func places() -> [Int] {
    let ledger = engine.ledger()
    let granules = ledger.total / chunks
    return [
      ledger.free, ledger.fill, ledger.received, ledger.held, ledger.transmit, ledger.completion,
    ].map { $0 / granules }
  }
}

/// The packets number `numbers`.
func packets(_ numbers: Range<Int>) -> [[UInt8]] { numbers.map { packet($0) } }

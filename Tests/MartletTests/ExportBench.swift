import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// An engine whose memory is files, over rings in memory: a port of a group with an arena, a port
/// of the shared group, and a port to send to; and the other end of an export, in the same process.
struct ExportBench: ~Copyable {
  var engine: Engine
  private(set) var ports: [Port] = []
  private(set) var kernels: [SimulatedKernel] = []

  static let flow = FlowGroup(index: 1)
  static let other = FlowGroup(index: 2)
  static let tenant = FlowGroup(index: 3)

  var umem: UMEM {
    guard let umem = engine.control.umem else { preconditionFailure("the engine made its memory") }
    return umem
  }

  var flowPort: Port { ports[0] }
  var otherPort: Port { ports[1] }
  var outPort: Port { ports[2] }

  init(
    isUnaligned: Bool = false, ringSize: UInt32 = 64, arena: Int = 64 << 10,
    _ change: (inout Engine.Configuration) -> Void = { _ in }
  ) throws {
    var configuration = Engine.Configuration()
    configuration.memory = 128 << 10
    configuration.ringSize = Int(ringSize)
    configuration.isUnaligned = isUnaligned
    configuration.fillDepth = 16
    var tenant = FlowGroup.Configuration(arena: 32 << 10)
    tenant.isWritable = true
    configuration.groups = [.init(), .init(arena: arena), .init(arena: 64 << 10), tenant]
    change(&configuration)
    var engine = try Engine(configuration)
    guard let umem = engine.control.umem else { preconditionFailure("the engine made its memory") }
    let memory = SimulatedMemory(of: umem)
    for group in [Self.flow, Self.other, .shared] {
      let rings = MemoryRings(.init(all: ringSize))
      kernels.append(
        SimulatedKernel(rings: rings, memory: memory) { $0.isUnaligned = isUnaligned })
      ports.append(engine.bind(inMemory: rings.takeApplicationEnds(), group: group))
    }
    self.engine = engine
  }

  /// Exports the flow group; its packets can go on to the last port.
  mutating func export(
    _ change: (inout ExportTerms) -> Void = { _ in }
  ) throws -> (FlowExport, Consumer) {
    var terms = ExportTerms(forwardPort: outPort, kernelPort: otherPort)
    change(&terms)
    let pair = try connection()
    let export = try engine.export(Self.flow, to: PeerSocket(pair.near), terms)
    return (export, Consumer(try FlowReader(connectedTo: pair.far)))
  }

  /// Ends all exports.
  mutating func endExports() {
    for index in engine.exports.states.indices {
      if let export = engine.exports.name(at: index) { engine.end(export) }
    }
  }

  /// Lets packets number `numbers` arrive at a port and shows those of the flow to the consumer.
  mutating func arrive(_ numbers: Range<Int>, to export: FlowExport, byteCount: Int = 60) {
    for number in numbers {
      expect(kernels[0].deliver(packet(number, byteCount: byteCount)))
    }
    while engine.deliver(from: flowPort, to: export) != 0 {}
  }

  /// Records an issue unless packets of the other group go through, and the books agree.
  mutating func expectOthersUnharmed(at location: SourceLocation = #_sourceLocation) {
    for number in 0..<10 { expect(kernels[1].deliver(packet(number)), at: location) }
    var count = 0
    for _ in 0..<2 {
      while let frame = engine.receive(from: otherPort) {
        engine.send(frame, to: outPort)
        count += 1
      }
    }
    engine.flush()
    expectEqual(kernels[2].transmitAll().suffix(10), packets(0..<10)[...], at: location)
    expectEqual(count, 10, at: location)
    check(at: location)
  }

  /// Records an issue unless every granule is in one place and the two books agree.
  func check(at location: SourceLocation = #_sourceLocation) {
    let disagreement = engine.firstDisagreement()
    #expect(disagreement == nil, sourceLocation: location)
    let ledger = engine.ledger()
    let sum =
      ledger.free + ledger.fill + ledger.received + ledger.held + ledger.transmit
      + ledger.completion
    #expect(sum == ledger.total, sourceLocation: location)
  }
}

/// The descriptors of two connected ends whose owners the kernel knows, unlike those of a pair.
func connection() throws -> (near: Int32, far: Int32) {
  let path = "/tmp/martlet-\(UInt64.random(in: 0 ... .max))"
  let listener = try PeerListener(path: path)
  let far = try PeerSocket(connectedTo: path)
  guard let near = try listener.accept(timeout: .seconds(5)) else {
    throw TestKitError("nobody connects to \(path)")
  }
  return (near.release(), far.release())
}

extension ExportTerms {
  /// For a group without a queue of its own.
  static var copying: ExportTerms {
    var terms = ExportTerms()
    terms.copies = true
    return terms
  }

  /// For a group whose queues nothing else comes to.
  static var closed: ExportTerms {
    var terms = ExportTerms()
    terms.isClosedWorld = true
    return terms
  }
}

extension ArenaBook {
  /// Notes ports in zero copy where anything may come; false if they must not.
  func addOpenDoors(_ groups: [Int: FlowGroup]) -> Bool {
    addDoors(groups.mapValues { Door(group: $0, isOpen: true) }).isEmpty
  }
}

/// The consumer's end; a class, so that it can stand in a tuple.
final class Consumer {
  var reader: FlowReader

  init(_ reader: consuming FlowReader) { self.reader = reader }

  /// The bytes of all packets that are there, each spent with `verdict`.
  func take(_ verdict: FlowVerdict = .drop, limit: Int = .max) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    while packets.count < limit, let packet = reader.next() {
      packets.append(bytes(of: packet))
      reader.spend(packet, verdict)
    }
    reader.flush()
    return packets
  }

  private func bytes(of packet: borrowing FlowPacket) -> [UInt8] {
    reader.content(of: packet)
  }
}

extension FlowReader {
  /// A copy of every byte that it can see.
  func wholeArena() -> [UInt8] { copy(arena.span(at: 0, count: arena.byteCount)) }

  /// A copy of a packet's bytes.
  func content(of packet: borrowing FlowPacket) -> [UInt8] { copy(bytes(of: packet)) }
}

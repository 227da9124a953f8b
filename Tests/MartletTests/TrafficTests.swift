import Expectations
import Martlet
import MartletTestKit
import Testing

/// Random traffic against a plain account of what must come out where, in which order.
private struct Traffic: ~Copyable {
  var bench: Bench
  var random: SeededGenerator
  var shelf = Shelf()
  let ringSize: Int
  /// Per port: packets on the receive ring that were not taken, oldest first.
  var arrived: [[[UInt8]]]
  /// Per port: packets sent that the kernel has not taken, oldest first.
  var leaving: [[[UInt8]]]
  /// Per port: what the reports must say.
  var receivedPackets: [UInt64]
  var sentPackets: [UInt64]
  var sentBytes: [UInt64]
  var transmitFull: [UInt64]
  var verdicts: [UInt64]
  var untrusted: [UInt64]
  var number = 0

  init(ports: Int, seed: UInt64, isUnaligned: Bool) throws {
    random = SeededGenerator(seed: seed)
    let size: UInt32 = [8, 16, 64][Int(seed % 3)]
    ringSize = Int(size)
    bench = try Bench {
      $0.ports = ports
      $0.chunks = 16 * ports
      $0.ringSize = size
      $0.position = 0 &- UInt32(truncatingIfNeeded: seed &* 37)
      $0.configuration.isUnaligned = isUnaligned
      $0.configuration.fillDepth = 8
      $0.configuration.burst = [1, 3, 8][Int(seed / 3 % 3)]
    }
    arrived = [[[UInt8]]](repeating: [], count: ports)
    leaving = arrived
    receivedPackets = [UInt64](repeating: 0, count: ports)
    (sentPackets, sentBytes, transmitFull) = (receivedPackets, receivedPackets, receivedPackets)
    (verdicts, untrusted) = (receivedPackets, receivedPackets)
  }

  mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
  mutating func pickPort() -> Int { pick(bench.ports.count) }

  mutating func step() throws {
    let port = pickPort()
    switch pick(20) {
    case 0..<5: arrive(port)
    case 5..<10: receive(port)
    case 10..<12: forward(port)
    case 12..<14: transmit(port)
    case 14: allocate(port)
    case 15: if let frame = shelf.take() { send(frame, to: port) }
    case 16:
      if let frame = shelf.take() {
        if pick(2) == 0 { bench.engine.release(frame) } else { settle(frame) }
      }
    case 17: changeFaults(port)
    case 18: bench.engine.flush()
    default: expect(try bench.engine.wait(timeout: .zero))
    }
  }

  private mutating func arrive(_ port: Int) {
    for _ in 0..<1 + pick(4) {
      number += 1
      let bytes = packet(number, byteCount: 14 + pick(1779))
      if bench.kernels[port].deliver(bytes) { arrived[port].append(bytes) }
    }
  }

  private mutating func receive(_ port: Int) {
    for _ in 0..<1 + pick(10) {
      guard let frame = bench.engine.receive(from: bench.ports[port]) else { return }
      let bytes = bench.bytes(of: frame)
      expectEqual(bytes, arrived[port].isEmpty ? [] : arrived[port].removeFirst())
      receivedPackets[port] += 1
      switch pick(8) {
      case 0..<4: send(frame, to: pickPort())
      case 4..<6: bench.engine.release(frame)
      case 6 where shelf.count < 8 * bench.ports.count: shelf.put(frame)
      case 7 where shelf.count < 8 * bench.ports.count: settle(frame)
      default: bench.engine.release(frame)
      }
    }
  }

  /// Puts a frame onto the shelf in one of the ways to keep it, with the bytes that it had.
  private mutating func settle(_ frame: consuming Frame) {
    let before = bench.bytes(of: frame)
    let ways: [Settling] = [
      .inPlace, .wholeSlot, .pack, .copyBreak(upTo: 256), .copyBreak(upTo: 1024),
    ]
    var settled = bench.engine.settle(frame, ways[pick(ways.count)])
    if pick(2) == 0 { settled = bench.engine.settle(settled, ways[pick(ways.count)]) }
    if pick(2) == 0 { settled = bench.engine.compact(settled) }
    let after = bench.bytes(of: settled)
    expectEqual(after, before)
    shelf.put(settled)
  }

  private mutating func send(_ frame: consuming Frame, to port: Int) {
    note(bench.bytes(of: frame), sentTo: port)
    bench.engine.send(frame, to: bench.ports[port])
  }

  private mutating func note(_ bytes: [UInt8], sentTo port: Int) {
    if leaving[port].count == ringSize {
      transmitFull[port] += 1
    } else {
      leaving[port].append(bytes)
      sentPackets[port] += 1
      sentBytes[port] += UInt64(bytes.count)
    }
  }

  private mutating func forward(_ port: Int) {
    let destination = pickPort()
    let drops = random.next()
    var seen: [(bytes: [UInt8], isDropped: Bool)] = []
    let count = bench.engine.forward(from: bench.ports[port], to: bench.ports[destination]) {
      let isDropped = drops >> UInt64(seen.count) & 1 == 0
      seen.append((copy($0.bytes), isDropped))
      return isDropped ? .drop : .forward
    }
    expectEqual(count, seen.count)
    expectEqual(seen.map(\.bytes), Array(arrived[port].prefix(count)))
    arrived[port].removeFirst(min(count, arrived[port].count))
    receivedPackets[port] += UInt64(count)
    for packet in seen {
      if packet.isDropped { verdicts[port] += 1 } else { note(packet.bytes, sentTo: destination) }
    }
  }

  private mutating func allocate(_ port: Int) {
    let length = 1 + pick(2048)
    guard var frame = bench.engine.allocate(byteCount: length) else { return }
    number += 1
    var view = bench.engine.mutableBytes(of: &frame)
    write(packet(number, byteCount: length), to: &view)
    if pick(2) == 0, shelf.count < 8 * bench.ports.count {
      shelf.put(frame)
    } else {
      send(frame, to: port)
    }
  }

  private mutating func transmit(_ port: Int) {
    let kernel = bench.kernels[port]
    if pick(3) == 0, !kernel.heldCompletions.isEmpty { kernel.releaseCompletions() }
    let hadGarbage = kernel.faults.garbage.count
    let packets = kernel.transmit(limit: 1 + pick(ringSize))
    expectEqual(packets, Array(leaving[port].prefix(packets.count)))
    leaving[port].removeFirst(min(packets.count, leaving[port].count))
    if kernel.faults.repeatsCompletions { untrusted[port] += UInt64(packets.count) }
    untrusted[port] += UInt64(hadGarbage - kernel.faults.garbage.count)
  }

  private mutating func changeFaults(_ port: Int) {
    let kernel = bench.kernels[port]
    kernel.faults.reversesCompletions = pick(2) == 0
    kernel.faults.losesBitZero = pick(2) == 0
    kernel.faults.repeatsCompletions = pick(3) == 0
    kernel.faults.holdsCompletions = pick(3) == 0
    let end = UInt64(bench.memory.byteCount)
    if pick(3) == 0 { kernel.faults.garbage = [end + random.next() >> 1, .max] }
    if !kernel.faults.holdsCompletions { kernel.releaseCompletions() }
  }

  /// Lets everything that is under way arrive, and checks every counter.
  mutating func finish() throws {
    while let frame = shelf.take() { bench.engine.release(frame) }
    for port in 0..<bench.ports.count {
      bench.kernels[port].faults = SimulatedKernel.Faults()
      bench.kernels[port].releaseCompletions()
    }
    for _ in 0..<3 {
      expect(try bench.engine.wait(timeout: .zero))
      for port in 0..<bench.ports.count { transmitRest(port) }
    }
    for port in 0..<bench.ports.count {
      expectEqual(bench.takeAll(from: port), arrived[port])
      receivedPackets[port] += UInt64(arrived[port].count)
      expectEqual(leaving[port], [])
      let report = bench.report(port)
      expectEqual(report.received.packets, receivedPackets[port])
      expectEqual(report.sent.packets, sentPackets[port])
      expectEqual(report.sent.bytes, sentBytes[port])
      expectEqual(report.dropped.transmitFull, transmitFull[port])
      expectEqual(report.dropped.verdict, verdicts[port])
      expectEqual(report.dropped.broken, 0)
      expectEqual(report.untrusted, untrusted[port])
    }
    for _ in 0..<3 { expect(try bench.engine.wait(timeout: .zero)) }
    bench.check()
    let ports = bench.ports.count
    expectEqual(bench.places(), [8 * ports, 8 * ports, 0, 0, 0, 0])
  }

  private mutating func transmitRest(_ port: Int) {
    let packets = bench.kernels[port].transmitAll()
    expectEqual(packets, Array(leaving[port].prefix(packets.count)))
    leaving[port].removeFirst(min(packets.count, leaving[port].count))
  }
}

@Suite struct TrafficTests {
  @Test(
    "Random traffic: order, bytes, counts, and every frame in one place after every step",
    arguments: [1, 2, 8], 1...12 as ClosedRange<UInt64>)
  func random(_ ports: Int, _ seed: UInt64) throws {
    var traffic = try Traffic(ports: ports, seed: seed, isUnaligned: seed % 2 == 0)
    for _ in 0..<1000 {
      try traffic.step()
      traffic.bench.check()
    }
    try traffic.finish()
  }
}

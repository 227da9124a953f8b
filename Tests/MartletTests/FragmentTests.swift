import Expectations
import Martlet
import MartletTestKit
import Testing

@Suite struct FragmentTests {
  /// Three fragments: 1,792 + 1,792 + 416 bytes.
  private let long = packet(77, byteCount: 4000)

  private func makeBench(_ change: (inout Bench.Setup) -> Void = { _ in }) throws -> Bench {
    try Bench {
      $0.configuration.takesFragments = true
      change(&$0)
    }
  }

  @Test("A long packet is one frame with all its bytes")
  func receive() throws {
    var bench = try makeBench()
    bench.arrive(0..<1)
    expect(bench.kernels[0].deliver(long))
    bench.arrive(1..<2)
    expectEqual(bench.take(1), packets(0..<1))
    guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    expectEqual(frame.byteCount, 4000)
    expectEqual(frame.fragmentCount, 3)
    let pieces = bench.fragments(of: frame)
    expectEqual(pieces.map(\.count), [1792, 1792, 416])
    expectEqual(pieces.flatMap { $0 }, long)
    let first = bench.bytes(of: frame)
    expectEqual(first, pieces[0])
    expectEqual(bench.places(), [56, 4, 4, 0, 0, 0])
    bench.check()
    bench.engine.release(frame)
    bench.check()
    // The burst's window ended within the long packet, which was taken whole.
    expectEqual(bench.take(), [])
    expectEqual(bench.take(), packets(1..<2))
    expectEqual(bench.report().received.packets, 3)
    expectEqual(bench.report().received.bytes, 4120)
    bench.check()
    expectEqual(bench.take(), [])
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test("It is sent whole, in order, and its chunks come back")
  func send() throws {
    var bench = try makeBench { $0.ports = 2 }
    for round in 0..<20 {
      bench.arrive(round..<round + 1)
      expect(bench.kernels[0].deliver(long))
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        bench.engine.send(frame, to: bench.ports[1])
      }
      expectEqual(bench.kernels[1].transmitAll(), [packet(round), long])
      bench.check()
    }
    expectEqual(bench.report(1).sent.packets, 40)
    expectEqual(bench.report(1).sent.bytes, 20 * 4060)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
  }

  @Test("It is settled as it is, and sent or released after that", arguments: [true, false])
  func settle(_ sends: Bool) throws {
    var bench = try makeBench()
    expect(bench.kernels[0].deliver(long))
    guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    let settled = bench.engine.settle(frame, .wholeSlot)
    expectEqual(bench.places()[2...3], [0, 3])
    bench.check()
    expectEqual(bench.fragments(of: settled).flatMap { $0 }, long)
    if sends {
      bench.engine.send(settled, to: bench.ports[0])
    } else {
      bench.engine.release(settled)
    }
    bench.check()
    expectEqual(bench.take(), [])
    expectEqual(bench.kernels[0].transmitAll(), sends ? [long] : [])
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test("Onto a ring without room for all of it, it is dropped whole", arguments: [2, 3])
  func full(_ fragments: Int) throws {
    let long = packet(77, byteCount: 1792 * fragments)
    var bench = try makeBench {
      $0.ports = 2
      $0.ringSize = 8
    }
    for _ in 0..<2 { expect(bench.kernels[0].deliver(long)) }
    // Room for the first and all but one fragment of the second.
    let others = 8 - (2 * fragments - 1)
    for number in 0..<others { expect(bench.send(number, to: 1)) }
    while let frame = bench.engine.receive(from: bench.ports[0]) {
      bench.engine.send(frame, to: bench.ports[1])
    }
    expectEqual(bench.report(1).dropped.transmitFull, 1)
    expectEqual(bench.report(1).sent.packets, UInt64(others + 1))
    expectEqual(bench.report(1).sent.bytes, UInt64(others * 60 + long.count))
    expectEqual(bench.kernels[1].transmitAll(), packets(0..<others) + [long])
    bench.check()
    for _ in 0..<2 { expect(try bench.engine.wait(timeout: .zero)) }
    expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
  }

  @Test("A packet whose end is missing is given up: one broken packet, nothing lost")
  func incomplete() throws {
    var bench = try makeBench()
    let chunks = (0..<2).map { _ in takeChunk(bench.rings()) }
    bench.show(chunks.map { Descriptor(address: $0 + 256, byteCount: 1792, options: 1) })
    expectEqual(bench.takeAll(), [])
    expectEqual(bench.report().dropped.broken, 1)
    expectEqual(bench.report().untrusted, 0)
    expectEqual(bench.report().received.packets, 0)
    expectEqual(bench.report().received.bytes, 0)
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
    bench.check()
    bench.arrive(0..<3)
    expectEqual(bench.take(), packets(0..<3))
  }

  @Test("A piece that cannot be believed breaks its packet, wherever it stands", arguments: 0..<3)
  func badPiece(_ place: Int) throws {
    var bench = try makeBench { $0.configuration.burst = 8 }
    bench.arrive(0..<1)
    var descriptors = (0..<2).map { number in
      Descriptor(
        address: takeChunk(bench.rings()) + 256, byteCount: 1000, options: number == 0 ? 1 : 0)
    }
    descriptors.insert(
      Descriptor(address: 40 * 2048, byteCount: 1000, options: place == 2 ? 0 : 1), at: place)
    if place == 2 {
      descriptors[1] = Descriptor(address: descriptors[1].address, byteCount: 1000, options: 1)
    }
    bench.show(descriptors)
    bench.arrive(1..<2)
    expectEqual(bench.take(), packets(0..<2))
    expectEqual(bench.report().dropped.broken, 1)
    expectEqual(bench.report().untrusted, 1)
    expectEqual(bench.report().received.packets, 2)
    bench.check()
    expectEqual(bench.take(), [])
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test("An engine that did not ask for fragments gives them up", arguments: [false, true])
  func notAskedFor(_ forwards: Bool) throws {
    var bench = try Bench { $0.configuration.burst = 8 }
    bench.arrive(0..<1)
    let chunks = (0..<3).map { _ in takeChunk(bench.rings()) }
    bench.show(
      chunks.enumerated().map {
        Descriptor(address: $1 + 256, byteCount: 100, options: $0 == 2 ? 0 : 1)
      })
    bench.arrive(1..<2)
    if forwards {
      bench.engine.forward(from: bench.ports[0], to: bench.ports[0]) { _ in .forward }
      expectEqual(bench.kernels[0].transmitAll(), packets(0..<2))
    } else {
      expectEqual(bench.take(), packets(0..<2))
    }
    expectEqual(bench.report().dropped.broken, 1)
    expectEqual(bench.report().received.packets, 2)
    expectEqual(bench.report().received.bytes, 120)
    bench.check()
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test(
    "A packet of more fragments than any kernel makes is given up whole, and nothing is lost",
    arguments: [128, 129, 130, 200, 257])
  func endless(_ count: Int) throws {
    var bench = try makeBench {
      $0.chunks = 1024
      $0.ringSize = 512
      $0.configuration.fillDepth = 300
    }
    bench.show(
      (0..<count).map {
        Descriptor(
          address: takeChunk(bench.rings()) + 256, byteCount: 100, options: $0 + 1 < count ? 1 : 0)
      })
    bench.arrive(0..<1)
    if count <= 128 {
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
      expectEqual(frame.fragmentCount, count)
      expectEqual(frame.byteCount, count * 100)
      bench.engine.release(frame)
    }
    expectEqual(bench.takeAll(), packets(0..<1))
    expectEqual(bench.report().dropped.broken, count <= 128 ? 0 : 1)
    expectEqual(bench.report().untrusted, 0)
    expectEqual(bench.report().received.packets, count <= 128 ? 2 : 1)
    bench.check()
    for _ in 0..<2 { expect(try bench.engine.wait(timeout: .zero)) }
    expectEqual(bench.places(), [724, 300, 0, 0, 0, 0])
  }

  @Test(
    "A forwarder sees the first fragment and forwards or drops the whole",
    arguments: [Verdict.forward, .drop])
  func forward(_ verdict: Verdict) throws {
    var bench = try makeBench { $0.ports = 2 }
    bench.arrive(0..<1)
    expect(bench.kernels[0].deliver(long))
    bench.arrive(1..<3)
    var seen: [[Int]] = []
    let start = long.prefix(1792)
    var taken = 0
    for _ in 0..<2 {
      taken += bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { packet in
        seen.append([packet.byteCount, packet.fragmentCount, packet.bytes.byteCount])
        if packet.fragmentCount == 3 {
          expectEqual(copy(packet.bytes), Array(start))
          return verdict
        }
        return .forward
      }
      bench.check()
    }
    expectEqual(seen, [[60, 1, 60], [4000, 3, 1792], [60, 1, 60], [60, 1, 60]])
    expectEqual(taken, 6)
    expectEqual(
      bench.kernels[1].transmitAll(),
      packets(0..<1) + (verdict == .forward ? [long] : []) + packets(1..<3))
    expectEqual(bench.report().dropped.verdict, verdict == .drop ? 1 : 0)
    expectEqual(bench.report().received.packets, 4)
    expectEqual(bench.report().received.bytes, 4180)
    expectEqual(bench.report(1).sent.packets, verdict == .forward ? 4 : 3)
    expectEqual(bench.report(1).sent.bytes, verdict == .forward ? 4180 : 180)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
    bench.check()
  }

  @Test("Fragments beyond the last trap", arguments: [-1, 1])
  func noSuchFragment(_ number: Int) async {
    await #expect(processExitsWith: .failure) { [number] in
      var bench = try Bench()
      bench.arrive(0..<1)
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { return }
      _ = bench.engine.bytes(of: frame, fragment: number)
    }
  }

  /// The next chunk of the fill ring, taken as the kernel does.
  private func takeChunk(_ rings: MemoryRings) -> UInt64 {
    precondition(rings.fill.peek(1) == 1)
    defer { rings.fill.release() }
    return rings.fill.take()
  }
}

extension Bench {
  /// The bytes of a frame's fragments.
  fileprivate func fragments(of frame: borrowing Frame) -> [[UInt8]] {
    var all: [[UInt8]] = []
    for number in 0..<frame.fragmentCount {
      all.append(copy(engine.bytes(of: frame, fragment: number)))
    }
    return all
  }
}

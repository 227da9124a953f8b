import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// Packed frames lie where the kernel sends them from: in one chunk of aligned memory, in one page
/// of unaligned memory that a device sees in pages.
@Suite struct BoundaryTests {
  @Test("Frames to send are packed in aligned memory too, if asked, and across no two chunks")
  func packedTransmit() throws {
    var bench = try Bench {
      $0.configuration.packsFrames = true
      $0.ringSize = 64
    }
    for round in 0..<8 {
      let lengths = (0..<20).map { 1 + (round * 37 + $0 * 211) % 700 }
      for (number, length) in lengths.enumerated() {
        expect(bench.send(number, byteCount: length))
      }
      expectEqual(
        bench.engine.ledger().transmit, lengths.reduce(0) { $0 + ($1 + 63) / 64 })
      bench.engine.flush()
      bench.check()
      expectEqual(
        bench.kernels[0].transmitAll(), lengths.enumerated().map { packet($0, byteCount: $1) })
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
    }
    expect(bench.send(1, byteCount: 2048))
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), [packet(1, byteCount: 2048)])
    expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [56, 8, 0, 0, 0, 0])
  }

  @Test("Slots to send in unaligned memory, if asked")
  func slots() throws {
    var bench = try Bench {
      $0.configuration.isUnaligned = true
      $0.configuration.packsFrames = false
    }
    expect(bench.send(1))
    expectEqual(bench.engine.ledger().transmit, 32)
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(1..<2))
    expect(try bench.engine.wait(timeout: .zero))
    bench.check()
  }

  @Test("Sixty IMIX packets that a group keeps fill six pages, aligned or not")
  func density() throws {
    let lengths = [64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64]
    for isUnaligned in [false, true] {
      var bench = try Bench {
        $0.configuration.isUnaligned = isUnaligned
        $0.configuration.groups = [.init(), .init()]
      }
      let group = FlowGroup(index: 1)
      var shelf = Shelf()
      while shelf.count < 60 {
        let length = lengths[shelf.count % 12]
        expect(bench.kernels[0].deliver(packet(shelf.count, byteCount: length)))
        var received = bench.engine.receive(from: bench.ports[0])
        if received == nil { received = bench.engine.receive(from: bench.ports[0]) }
        guard let frame = received.take(), let kept = bench.engine.settle(frame, in: group)
        else { return expect(false) }
        shelf.put(kept)
        expect(try bench.engine.wait(timeout: .zero))
      }
      // 355 granules: five and a half pages.
      expectEqual(bench.engine.allocator.nodeCount(of: group), 6)
      bench.check()
      while let frame = shelf.take() { bench.engine.send(frame, to: bench.ports[0]) }
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll().count, 16)
      expectEqual(bench.kernels[0].counts.invalidTransmit, 0)
    }
  }

  @Test("What the kernel sends decides where frames may lie")
  func boundary() {
    var configuration = Engine.Configuration()
    for chunkSize in [2048, 4096] {
      configuration.chunkSize = chunkSize
      for isZeroCopy in [false, true] {
        for pages in [PageKind.small, .transparentHuge, .huge, nil] {
          let boundary = { (isUnaligned: Bool) in
            configuration.boundary(
              isUnaligned: isUnaligned, isZeroCopy: isZeroCopy, pages: pages)
          }
          #expect(boundary(false) == chunkSize)
          #expect(boundary(true) == (isZeroCopy && pages != .huge ? 4096 : nil))
        }
      }
    }
  }

  /// How many of the frames that the memory has lie across two pages.
  private func crossing(_ engine: inout Engine) -> Int {
    var shelf = Shelf()
    var count = 0
    while shelf.count < 64, let frame = engine.allocate(byteCount: 1600) {
      if frame.address / 4096 != (frame.address + 1599) / 4096 { count += 1 }
      shelf.put(frame)
    }
    while let frame = shelf.take() { engine.release(frame) }
    return count
  }

  @Test("In zero copy frames keep to pages, unless those are huge", arguments: 0...3)
  func zeroCopy(order: Int) throws {
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 20
    configuration.isUnaligned = true
    configuration.nodeOrder = order
    let memory = SimulatedMemory(byteCount: configuration.memory)
    var engine = try Engine(configuration, memory: memory.packetMemory())
    expect((crossing(&engine) > 0) == (order > 0))
    try engine.keepFramesInPages(.huge)
    expect((crossing(&engine) > 0) == (order > 0))
    try engine.keepFramesInPages(.small)
    expectEqual(crossing(&engine), 0)
    // A second bind finds it so.
    guard let frame = engine.allocate(byteCount: 60) else { return expect(false) }
    try engine.keepFramesInPages(.small)
    engine.release(frame)
    expectEqual(engine.firstDisagreement(), nil)
  }

  @Test("Frames that were given before are not to be mended: zero copy is refused, and says why")
  func tooLate() throws {
    for order in [0, 2] {
      var bench = try Bench {
        $0.configuration.isUnaligned = true
        $0.configuration.nodeOrder = order
      }
      var error: XDPError?
      do { try bench.engine.keepFramesInPages(.small) } catch let caught { error = caught }
      // Pages of one node each need no care.
      expectEqual(error?.kind, order == 0 ? nil : .modeRefused)
      expect(error.map { "\($0)".contains("nodeOrder") } ?? true)
      bench.check()
    }
  }

  @Test("Engines that share memory keep to pages from the start")
  func shared() throws {
    var configuration = Engine.Configuration()
    configuration.isUnaligned = true
    configuration.nodeOrder = 2
    let memory = try SharedMemory(configuration, workers: 2)
    var engine = try Engine(sharing: memory)
    expectEqual(crossing(&engine), 0)
    try engine.keepFramesInPages(.small)
  }
}

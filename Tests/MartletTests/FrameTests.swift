import Expectations
import Martlet
import MartletTestKit
import Testing

@Suite struct FrameTests {
  @Test("An allocated frame is as long as asked, up to a chunk", arguments: [2048, 4096])
  func allocate(_ chunkSize: Int) throws {
    var bench = try Bench {
      $0.configuration.chunkSize = chunkSize
      $0.ringSize = 64
    }
    expectEqual(bench.engine.maximumFrame, chunkSize)
    for length in [0, -1, chunkSize + 1] {
      expect(bench.engine.allocate(byteCount: length) == nil)
    }
    expect(bench.engine.allocate(byteCount: 1, group: FlowGroup(index: 1)) == nil)
    for length in [1, 60, chunkSize] {
      expect(bench.send(length, byteCount: length))
      bench.check()
    }
    bench.engine.flush()
    expectEqual(
      bench.kernels[0].transmitAll(),
      [1, 60, chunkSize].map { packet($0, byteCount: $0) })
  }

  @Test("A packet may shrink, and grow to its chunk's end")
  func setByteCount() throws {
    var bench = try Bench { $0.configuration.headroom = 64 }
    expect(bench.kernels[0].deliver(packet(1, byteCount: 100)))
    guard var frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    expectEqual(frame.address % 2048, 320)
    for length in [0, -1, 2048 - 320 + 1, .max, .min] {
      let isDone = bench.engine.setByteCount(length, of: &frame)
      expect(!isDone)
      expectEqual(frame.byteCount, 100)
    }
    for length in [2048 - 320, 1, 60] {
      let isDone = bench.engine.setByteCount(length, of: &frame)
      expect(isDone)
      expectEqual(frame.byteCount, length)
      expectEqual(bench.bytes(of: frame).count, length)
    }
    bench.engine.send(frame, to: bench.ports[0])
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), [Array(packet(1, byteCount: 100)[..<60])])
    expectEqual(bench.report().sent.bytes, 60)
    expectEqual(bench.report().received.bytes, 100)
  }

  @Test("The length of a packet of several fragments cannot be set")
  func setByteCountOfFragments() throws {
    var bench = try Bench { $0.configuration.takesFragments = true }
    expect(bench.kernels[0].deliver(packet(1, byteCount: 3000)))
    guard var frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    let isDone = bench.engine.setByteCount(100, of: &frame)
    expect(!isDone)
    expectEqual(frame.byteCount, 3000)
    bench.engine.release(frame)
  }

  @Test("What is written into a received frame goes out with it")
  func rewrite() throws {
    var bench = try Bench()
    bench.arrive(0..<1)
    guard var frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
    var view = bench.engine.mutableBytes(of: &frame)
    write(packet(9), to: &view)
    let bytes = bench.bytes(of: frame)
    expectEqual(bytes, packet(9))
    bench.engine.send(frame, to: bench.ports[0])
    bench.engine.flush()
    expectEqual(bench.kernels[0].transmitAll(), packets(9..<10))
  }

  @Test("A frame that is released goes to the port it came from, an allocated one to nobody")
  func releaseGoesHome() throws {
    var bench = try Bench { $0.ports = 2 }
    bench.arrive(0..<2)
    bench.arrive(0..<1, to: 1)
    guard let first = bench.engine.receive(from: bench.ports[0]),
      let other = bench.engine.receive(from: bench.ports[1]),
      let own = bench.engine.allocate(byteCount: 60)
    else { return expect(false) }
    bench.engine.release(own)
    bench.engine.release(other)
    bench.engine.release(first)
    _ = bench.take(from: 0)
    _ = bench.take(from: 1)
    expectEqual(bench.rings(0).fill.pending, 8)
    expectEqual(bench.rings(1).fill.pending, 8)
    bench.check()
  }

  @Test(
    "Another engine's frame traps, spent in whichever way",
    arguments: ["send", "release", "settle"])
  func foreignFrame(_ way: String) async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [way] in
      var one = try Bench()
      var other = try Bench()
      guard let frame = one.engine.allocate(byteCount: 60) else { return }
      switch way {
      case "send": other.engine.send(frame, to: other.ports[0])
      case "release": other.engine.release(frame)
      default: other.engine.release(other.engine.settle(frame))
      }
    }
    expect(said("this frame belongs to another engine's memory", result))
  }

  @Test("In debug builds a forgotten frame traps")
  func leakedFrame() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var bench = try Bench()
      _ = bench.engine.allocate(byteCount: 60)
    }
    expect(said("frame leaked", result))
  }

  private func said(_ words: String, _ result: ExitTest.Result?) -> Bool {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).contains(words)
  }
}

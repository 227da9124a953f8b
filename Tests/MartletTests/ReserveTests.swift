import Expectations
import Martlet
import MartletTestKit
import Testing

/// What the allocator promises holds for the engine as a whole: frames on their way round the rings
/// included.
@Suite struct ReserveTests {
  @Test("Received packets never take the reserve, however many come")
  func floodStopsAtTheReserve() throws {
    var bench = try Bench {
      $0.chunks = 16
      $0.configuration.reserve = 4 * 2048
      $0.configuration.fillDepth = 16
    }
    expectEqual(bench.places(), [4, 12, 0, 0, 0, 0])
    var shelf = Shelf()
    for number in 0..<16 where bench.kernels[0].deliver(packet(number)) {
      while let frame = bench.engine.receive(from: bench.ports[0]) { shelf.put(frame) }
    }
    expectEqual(shelf.count, 12)
    expect(!bench.send(0))
    guard let frame = bench.engine.allocate(byteCount: 60, permission: .critical) else {
      return expect(false)
    }
    bench.engine.release(frame)
    expectEqual(bench.places(), [4, 0, 12, 0, 0, 0])
    while let frame = shelf.take() { bench.engine.release(frame) }
    bench.check()
  }

  @Test("A reserve that was used for sending is a reserve again afterwards")
  func sentReserveComesBack() throws {
    var bench = try Bench {
      $0.chunks = 16
      $0.configuration.reserve = 4 * 2048
      $0.configuration.fillDepth = 16
    }
    for _ in 0..<3 {
      for _ in 0..<4 {
        guard let frame = bench.engine.allocate(byteCount: 60, permission: .critical) else {
          return expect(false)
        }
        bench.engine.send(frame, to: bench.ports[0])
      }
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll().count, 4)
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.places(), [4, 12, 0, 0, 0, 0])
      bench.check()
    }
  }

  @Test(
    "In unaligned memory packed frames never take the reserve, and refill it when they come home")
  func packedReserve() throws {
    var bench = try Bench {
      $0.chunks = 16
      $0.ringSize = 256
      $0.configuration.isUnaligned = true
      $0.configuration.reserve = 4 * 2048
      $0.configuration.fillDepth = 8
    }
    for round in 0..<3 {
      // All but the reserve: two pages of it stay.
      var count = 0
      while let frame = bench.engine.allocate(byteCount: 1024) {
        bench.engine.send(frame, to: bench.ports[0])
        count += 1
      }
      expectEqual(count, 8)
      expectEqual(bench.engine.ledger().free, 2 * 64)
      // As many as fit into the reserve, and no more.
      var critical = 0
      while let frame = bench.engine.allocate(byteCount: 1024, permission: .critical) {
        let settled = bench.engine.settle(frame, round == 0 ? .pack : .inPlace)
        bench.engine.send(bench.engine.compact(settled), to: bench.ports[0])
        critical += 1
      }
      expectEqual(critical, 8)
      bench.check()
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll().count, 16)
      expect(try bench.engine.wait(timeout: .zero))
      bench.check()
      expectEqual(bench.places(), [8, 8, 0, 0, 0, 0])
    }
  }

  @Test(
    "Packed frames of a group are the group's again once they are sent, and no other group's",
    arguments: [1, 8])
  func packedQuota(_ fillDepth: Int) throws {
    var bench = try Bench {
      $0.ringSize = 64
      $0.configuration.isUnaligned = true
      $0.configuration.groups = [.init(), .init(quota: 4096), .init(quota: 4096)]
      $0.configuration.fillDepth = fillDepth
    }
    bench.kernels[0].faults.repeatsCompletions = true
    bench.kernels[0].faults.reversesCompletions = true
    for round in 0..<6 {
      let group = FlowGroup(index: 1 + round % 2)
      for length in [640, 1000, 64] {
        var count = 0
        while count < 20, let frame = bench.engine.allocate(byteCount: length, group: group) {
          bench.engine.send(frame, to: bench.ports[0])
          count += 1
        }
        expectEqual(count, [640: 6, 1000: 4, 64: 20][length])
        bench.check()
        bench.engine.flush()
        _ = bench.kernels[0].transmitAll()
        expect(try bench.engine.wait(timeout: .zero))
        expectEqual(bench.engine.ledger().held, 0)
        bench.check()
      }
    }
    expectEqual(bench.places(), [64 - fillDepth, fillDepth, 0, 0, 0, 0])
  }

  @Test("Frames of a group with a quota are the group's again once they are sent")
  func sentQuotaComesBack() throws {
    var bench = try Bench {
      $0.configuration.groups = [.init(), .init(quota: 2 * 2048, guarantee: 2048)]
      $0.configuration.fillDepth = 16
    }
    let group = FlowGroup(index: 1)
    var shelf = Shelf()
    for number in 0..<5 {
      // The fill ring wants frames when the completions come.
      bench.arrive(number * 4..<number * 4 + 4)
      while let frame = bench.engine.receive(from: bench.ports[0]) { shelf.put(frame) }
      for _ in 0..<2 {
        guard let frame = bench.engine.allocate(byteCount: 60, group: group) else {
          return expect(false)
        }
        bench.engine.send(frame, to: bench.ports[0])
      }
      expect(bench.engine.allocate(byteCount: 60, group: group) == nil)
      bench.engine.flush()
      expectEqual(bench.kernels[0].transmitAll().count, 2)
      expectEqual(bench.takeAll(), [])
      bench.check()
    }
    while let frame = shelf.take() { bench.engine.release(frame) }
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.places(), [48, 16, 0, 0, 0, 0])
  }

  @Test("What a group is guaranteed no port's fill ring takes")
  func guarantee() throws {
    var bench = try Bench {
      $0.chunks = 8
      $0.configuration.groups = [.init(), .init(guarantee: 4 * 2048)]
      $0.configuration.fillDepth = 8
    }
    expectEqual(bench.places(), [4, 4, 0, 0, 0, 0])
    let group = FlowGroup(index: 1)
    for _ in 0..<3 {
      for _ in 0..<4 {
        guard let frame = bench.engine.allocate(byteCount: 60, group: group) else {
          return expect(false)
        }
        bench.engine.send(frame, to: bench.ports[0])
      }
      bench.engine.flush()
      _ = bench.kernels[0].transmitAll()
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.places(), [4, 4, 0, 0, 0, 0])
    }
    bench.check()
  }
}

import Expectations
import MartletTestKit
import Testing

@testable import Martlet

@Suite struct ReportTests {
  @Test("A port that did nothing reports nothing")
  func fresh() throws {
    let bench = try Bench()
    let report = bench.report()
    expectEqual(report.received, PortReport.Traffic())
    expectEqual(report.sent, PortReport.Traffic())
    expectEqual(report.dropped, PortReport.Drops())
    expectEqual(report.untrusted, 0)
    expectEqual(report.mode, .copy)
    expectEqual(report.attachment, nil)
  }

  @Test("Counts are exact in the middle of a burst too")
  func midBurst() throws {
    var bench = try Bench()
    bench.arrive(0..<4)
    for number in 1...4 as ClosedRange<UInt64> {
      guard let frame = bench.engine.receive(from: bench.ports[0]) else { return expect(false) }
      if number % 2 == 0 {
        bench.engine.send(frame, to: bench.ports[0])
      } else {
        bench.engine.release(frame)
      }
      expectEqual(bench.report().received.packets, number)
      expectEqual(bench.report().received.bytes, number * 60)
      expectEqual(bench.report().sent.packets, number / 2)
      expectEqual(bench.report().sent.bytes, number / 2 * 60)
    }
    // Frames released by the application are no drops.
    expectEqual(bench.report().dropped, PortReport.Drops())
    expectEqual(bench.take(), [])
    expectEqual(bench.report().received.packets, 4)
    expectEqual(bench.report().sent.packets, 2)
  }

  @Test("Each port counts its own")
  func perPort() throws {
    var bench = try Bench { $0.ports = 3 }
    bench.arrive(0..<3, to: 1)
    while let frame = bench.engine.receive(from: bench.ports[1]) {
      bench.engine.send(frame, to: bench.ports[2])
    }
    expectEqual((0..<3).map { bench.report($0).received.packets }, [0, 3, 0])
    expectEqual((0..<3).map { bench.report($0).sent.packets }, [0, 0, 3])
    expectEqual(bench.engine.allPorts, bench.ports)
    expectEqual(bench.ports.map(\.index), [0, 1, 2])
  }

  @Test("A port out of service has nothing posted, nothing in flight, and says what was not sent")
  func retired() {
    let rings = MemoryRings(.init(all: 8))
    var state = PortState(
      socket: Socket(inMemory: rings.takeApplicationEnds()), fillDepth: 4, burst: 64,
      group: .shared)
    expectEqual(state.socket.rings.fill.reserve(4), 4)
    for number in 0..<4 as Range<UInt64> { state.socket.rings.fill.put(number * 2048) }
    expectEqual(state.socket.rings.transmit.reserve(3), 3)
    for number in 4..<7 as Range<UInt64> {
      state.socket.rings.transmit.put(Descriptor(address: number * 2048, byteCount: 60))
    }
    expectEqual(rings.receive.reserve(2), 2)
    for _ in 0..<2 { rings.receive.put(Descriptor(address: 256, byteCount: 60)) }
    rings.receive.submit()
    expectEqual(state.posted, 4)
    expectEqual(state.inFlight, 3)
    state.socket.rings.transmit.submit()
    // The kernel has taken one of the three.
    expectEqual(rings.transmit.peek(1), 1)
    _ = rings.transmit.take()
    rings.transmit.release()
    expectEqual(state.retire(), 120)
    expect(state.isRetired)
    expectEqual([state.posted, state.inFlight, state.fillDepth], [0, 0, 0])
    expectEqual(state.counters.sentPackets, 1)
    // Two that stood on the receive ring, and two that were not sent.
    expectEqual(state.counters.dropPortGone, 4)
    expectEqual(state.socket.rings.transmit.reserve(1), 0)
    // What stood on the receive ring was not received.
    expectEqual(state.counters.receivedPackets, 0)
    expectEqual(rings.receive.pending, 0)
    let uncounted = state.uncounted(with: Lane())
    expectEqual([uncounted.received, uncounted.sent], [0, 0])
  }

  @Test("What an empty fill ring counts are packets in copy mode, and looks in zero copy")
  func kernelCounters() {
    let kernel = SocketStatistics(
      receiveDropped: 5, receiveInvalid: 0, transmitInvalid: 1, receiveRingFull: 2,
      fillRingEmpty: 3, transmitRingEmpty: 0)
    func report(_ mode: BindMode) -> PortReport {
      var report = PortReport(
        interface: "eth0", queue: 0, mode: mode, modeReason: "asked for", state: .up)
      report.sent.packets = 10
      report.note(kernel)
      return report
    }
    for mode in [BindMode.copy, .generic] {
      let copied = report(mode)
      expectEqual([copied.dropped.fillEmpty, copied.dropped.tooLong, copied.fillWaits], [3, 2, 0])
    }
    let direct = report(.zeroCopy)
    expectEqual([direct.dropped.fillEmpty, direct.dropped.tooLong, direct.fillWaits], [0, 5, 3])
    expectEqual(direct.dropped.receiveRingFull, 2)
    expectEqual(direct.sent.packets, 9)
  }
}

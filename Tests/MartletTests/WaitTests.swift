import Expectations
import Glibc
import Martlet
import MartletTestKit
import Testing

@Suite struct WaitTests {
  private let clock = ContinuousClock()

  @Test("wait sleeps for its time-out when nothing is there, and says go on")
  func sleeps() throws {
    var bench = try Bench()
    let start = clock.now
    expect(try bench.engine.wait(timeout: .milliseconds(20)))
    expect(clock.now - start >= .milliseconds(20))
  }

  @Test("wait returns at once when packets are there, on whichever port")
  func pending() throws {
    var bench = try Bench { $0.ports = 3 }
    bench.arrive(0..<1, to: 2)
    // A thousand: those that look at the file descriptors as well.
    let start = clock.now
    for _ in 0..<1000 where clock.now - start < .seconds(10) {
      expect(try bench.engine.wait(timeout: .seconds(20)))
    }
    expect(clock.now - start < .seconds(10))
    expectEqual(bench.take(from: 2), packets(0..<1))
  }

  @Test("In spin mode wait never sleeps")
  func spins() throws {
    var bench = try Bench { $0.configuration.isSpinning = true }
    let start = clock.now
    for _ in 0..<1000 where clock.now - start < .seconds(10) {
      expect(try bench.engine.wait(timeout: .seconds(20)))
    }
    expect(clock.now - start < .seconds(10))
    bench.engine.stop()
    expect(!(try bench.engine.wait()))
  }

  @Test("After stop wait is false for good, also with packets there", arguments: [0, 1])
  func stop(_ count: Int) throws {
    var bench = try Bench()
    bench.arrive(0..<count)
    expect(!bench.engine.stopSignal.isRequested)
    bench.engine.stop()
    for _ in 0..<3 { expect(!(try bench.engine.wait(timeout: .seconds(20)))) }
    // What was there can still be taken, and what is sent still leaves.
    expectEqual(bench.takeAll(), packets(0..<count))
    expect(bench.send(9))
    expect(!(try bench.engine.wait()))
    expectEqual(bench.kernels[0].transmitAll(), packets(9..<10))
  }

  @Test("Another thread's stop ends a wait for ever", .timeLimit(.minutes(1)))
  func stopFromElsewhere() throws {
    var bench = try Bench()
    let signal = bench.engine.stopSignal
    let thread = TestThread { signal.request() }
    expect(!(try bench.engine.wait()))
    try thread.join()
  }

  @Test(
    "A signal ends the loop, also where packets never cease and where it spins",
    arguments: [true, false])
  func signal(_ spins: Bool) async {
    await #expect(processExitsWith: .success) { [spins] in
      var bench = try Bench { $0.configuration.isSpinning = spins }
      bench.arrive(0..<1)
      try bench.engine.stopOnSignals()
      raise(SIGTERM)
      for _ in 0..<10_000 where !(try bench.engine.wait(timeout: .zero)) { exit(0) }
      exit(1)
    }
  }

  @Test("What one port has sent serves another that is out of frames")
  func completionsOfLaterPorts() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.chunks = 8
      $0.configuration.fillDepth = 4
    }
    bench.arrive(0..<4)
    while let frame = bench.engine.receive(from: bench.ports[0]) {
      bench.engine.send(frame, to: bench.ports[1])
    }
    expectEqual(bench.kernels[1].transmitAll(), packets(0..<4))
    expectEqual(bench.rings(0).fill.pending, 0)
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.rings(0).fill.pending, 4)
    bench.arrive(4..<8)
  }

  @Test("A loop without wait that receives on one port and sends on another never starves")
  func receiveOnly() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.chunks = 8
      $0.configuration.fillDepth = 4
    }
    for round in 0..<10 {
      bench.arrive(round * 4..<round * 4 + 4)
      while let frame = bench.engine.receive(from: bench.ports[0]) {
        bench.engine.send(frame, to: bench.ports[1])
      }
      // The kernel sends after the burst's flush, so no flush sees these completions.
      expectEqual(bench.kernels[1].transmitAll(), packets(round * 4..<round * 4 + 4))
      expectEqual(bench.take(), [])
      bench.check()
    }
    for round in 10..<20 {
      bench.arrive(round * 4..<round * 4 + 4)
      bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }
      expectEqual(bench.kernels[1].transmitAll(), packets(round * 4..<round * 4 + 4))
      expectEqual(
        bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }, 0)
    }
  }

  @Test(
    "A port whose frames are all on their way out does not sleep for ever",
    .timeLimit(.minutes(1)))
  func lateCompletions() throws {
    var bench = try Bench {
      $0.ports = 2
      $0.chunks = 8
      $0.configuration.fillDepth = 4
    }
    bench.kernels[1].faults.holdsCompletions = true
    bench.arrive(0..<4)
    bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }
    expectEqual(bench.kernels[1].transmitAll(), packets(0..<4))
    // No event says that a packet was sent: the wait must end by itself.
    let start = clock.now
    expect(try bench.engine.wait(timeout: .seconds(20)))
    expect(clock.now - start < .seconds(10))
    bench.kernels[1].releaseCompletions()
    expect(try bench.engine.wait(timeout: .zero))
    expectEqual(bench.rings(0).fill.pending, 4)
    bench.check()
    // With frames to receive into, what is on its way out shortens no sleep.
    bench.arrive(4..<5)
    bench.engine.forward(from: bench.ports[0], to: bench.ports[1]) { _ in .forward }
    expectEqual(bench.kernels[1].transmitAll(), packets(4..<5))
    let sleep = clock.now
    expect(try bench.engine.wait(timeout: .milliseconds(50)))
    expect(clock.now - sleep >= .milliseconds(50))
  }
}

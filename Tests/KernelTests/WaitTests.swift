import Expectations
import Glibc
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

/// Times are taken several times and the best one counts: other programs may delay a wake-up, but
/// nothing makes one come early.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct WaitTests {
  @Test("Without packets, wait sleeps as long as it was told, and uses no CPU time")
  func timeoutHonoured() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      var best = Duration.seconds(60)
      var early = 0
      for _ in 0..<10 {
        let busy = threadTime()
        let begin = ContinuousClock.now
        expect(try engine.wait(timeout: .milliseconds(200)))
        let slept = ContinuousClock.now - begin
        expect(engine.receive(from: port) == nil)
        expect(threadTime() - busy < .milliseconds(100))
        if slept < .milliseconds(200) { early += 1 } else { best = min(best, slept) }
      }
      // The interfaces' coming up is an event, too, and may wake it once or twice.
      expect(early <= 3, "woke early \(early) times")
      expect(best < .milliseconds(300), "slept \(best)")
    }
  }

  @Test(
    "A packet wakes wait long before its time-out, also after few or many were sent",
    arguments: [0, 1, 32])
  func packetWakes(_ sentBefore: Int) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      for number in 0..<20 {
        for _ in 0..<sentBefore {
          guard let frame = engine.allocate(byteCount: 64) else { return expect(false) }
          engine.send(frame, to: port)
        }
        let packet = frame(number: number, length: 64)
        let sender = TestThread {
          // Most times it sleeps by then.
          usleep(2000)
          try tap.send(packet)
        }
        let begin = ContinuousClock.now
        // Interfaces that come up are events, too.
        var isThere = false
        while !isThere, ContinuousClock.now - begin < .seconds(15) {
          expect(try engine.wait(timeout: .seconds(30)))
          while let frame = engine.receive(from: port) {
            isThere = true
            expectEqual(engine.content(of: frame), packet)
            engine.release(frame)
          }
        }
        try sender.join()
        guard isThere, ContinuousClock.now - begin < .seconds(15) else {
          return expect(false, "slept on packet \(number)")
        }
      }
    }
  }

  @Test("Packets that are there already: wait does not sleep")
  func pendingPackets() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      try tap.send(numbered(200))
      expect(try engine.wait(timeout: patience))
      // The burst takes 64; with no event to come, the rest must not be slept on.
      var count = 0
      while count < 200 {
        let begin = ContinuousClock.now
        expect(try engine.wait(timeout: .seconds(60)))
        guard ContinuousClock.now - begin < .seconds(30) else { return expect(false, "slept") }
        while let frame = engine.receive(from: port) {
          engine.release(frame)
          count += 1
        }
      }
      expectEqual(count, 200)
    }
  }

  @Test("Stop from another thread wakes wait within 50 ms, and wait says false from then on")
  func stop() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var best = Duration.seconds(60)
      for _ in 0..<5 {
        var engine = try Engine()
        _ = try whileBusy { () throws(XDPError) in try engine.bind("near", queue: 0) }
        let signal = engine.stopSignal
        let requester = TestThread {
          usleep(20_000)
          let time = ContinuousClock.now
          signal.request()
          return time
        }
        // Until then other events may wake it.
        while try engine.wait(timeout: .seconds(60)) {}
        let woke = ContinuousClock.now
        best = min(best, woke - (try requester.join()))
        expect(try !engine.wait(timeout: .seconds(60)))
      }
      expect(best < .milliseconds(50), "took \(best)")
    }
  }

  @Test("Stop is seen in the middle of traffic")
  func stopUnderTraffic() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let forwarder = try RunningForwarder("near")
      let flood = try Flood("far")
      let tap = try PacketTap("far", etherType: experimental)
      #expect(try tap.collect(50).count == 50)
      let outcome = try forwarder.finish()
      #expect(outcome.error == nil && outcome.disagreement == nil)
      #expect(outcome.reports[0].received.packets >= 50)
      try flood.finish()
      try expectNothingAttached(to: "near")
    }
  }

  @Test("In spin mode wait never sleeps, and packets come all the same")
  func spin() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      var configuration = Engine.Configuration()
      configuration.isSpinning = true
      var engine = try Engine(configuration)
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let begin = ContinuousClock.now
      // Longer than the interval at which the file descriptors have their turn.
      for _ in 0..<600 { expect(try engine.wait(timeout: .seconds(60))) }
      expect(ContinuousClock.now - begin < .seconds(30))
      let packets = numbered(100)
      try tap.send(packets)
      expectSame(try engine.collect(100, from: port), packets)
      engine.stop()
      expect(try !engine.wait())
    }
  }

  @Test("SIGINT and SIGTERM end a forwarder in order", arguments: [SIGINT, SIGTERM])
  func signals(_ number: Int32) async throws {
    try await withNetworkNamespace {
      let crossing = try Crossing()
      let forwarder = try crossing.startForward()
      let flood = try crossing.client.run { try Flood("client") }
      forwarder.signal(number)
      let status = try forwarder.wait(timeout: patience)
      #expect(status == .exited(0))
      try flood.finish()
      try expectNothingAttached(to: "left", "right")
    }
  }
}

/// CPU time of the calling thread.
private func threadTime() -> Duration {
  var time = timespec()
  // The structure outlives the call.
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

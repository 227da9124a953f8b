import Expectations
import Glibc
import MartletTestKit
import Testing
import XSK

@Suite(.timeLimit(.minutes(1))) struct PollerTests {
  @Test("A stop is seen by flag and by event, from any thread, once and for all")
  func stop() throws {
    let stop = try StopSignal()
    var poller = Poller(capacity: 2)
    let place = poller.add(stop.fileDescriptor)
    #expect(!stop.isRequested)
    expectEqual(poller.wait(timeout: .zero), 0)
    expect(!poller.isReady(at: place))
    let other = TestThread {
      stop.request()
      stop.request()
    }
    expectEqual(poller.wait(timeout: nil), 1)
    expect(poller.isReady(at: place))
    #expect(stop.isRequested)
    expectEqual(poller.wait(timeout: .seconds(1)), 1)
    try other.join()
  }

  @Test("A wait lasts as long as asked, below a millisecond too")
  func timeout() {
    var poller = Poller(capacity: 1)
    for timeout in [Duration.microseconds(300), .milliseconds(20)] {
      let begin = ContinuousClock.now
      expectEqual(poller.wait(timeout: timeout), 0)
      #expect(ContinuousClock.now - begin >= timeout)
    }
    let begin = ContinuousClock.now
    expectEqual(poller.wait(timeout: .seconds(-1)), 0)
    #expect(ContinuousClock.now - begin < .seconds(1))
  }

  @Test("Only the descriptor that has something is ready, to read or to write")
  func events() throws {
    let (ready, quiet) = (try StopSignal(), try StopSignal())
    ready.request()
    var poller = Poller(capacity: 3)
    poller.add(quiet.fileDescriptor)
    let place = poller.add(ready.fileDescriptor)
    expectEqual(poller.wait(timeout: .seconds(1)), 1)
    expect(!poller.isReady(at: 0) && poller.isReady(at: place))
    poller.add(quiet.fileDescriptor, events: .writable)
    expectEqual(poller.wait(timeout: .zero), 2)
  }

  @Test("Each descriptor of a wake set says whether it was it")
  func wakeSet() throws {
    let stops = try (0..<3).map { _ in try StopSignal() }
    var wakes = try WakeSet(count: 4)
    for (place, stop) in stops.enumerated() {
      wakes.replace(at: place, with: stop.fileDescriptor)
    }
    expect(!wakes.wait(timeout: .zero))
    stops[1].request()
    expect(wakes.wait(timeout: .seconds(1)))
    expect(!wakes.isReady(at: 0) && wakes.isReady(at: 1) && !wakes.isReady(at: 2))
    // It is ready until it is read, and then another's place.
    expect(wakes.wait(timeout: nil))
    expect(wakes.isReady(at: 1))
    wakes.replace(at: 1, with: -1)
    expect(!wakes.isReady(at: 1))
    expect(!wakes.wait(timeout: .zero))
    stops[2].request()
    expect(wakes.wait(timeout: .seconds(1)))
    expect(!wakes.isReady(at: 1) && wakes.isReady(at: 2) && !wakes.isReady(at: 3))
  }

  @Test("A socket of a wake set wakes when something arrives, not while it lies there")
  func socketOfWakeSet() throws {
    let (bell, later) = (try Doorbell(), try Doorbell())
    var wakes = try WakeSet(count: 1)
    expect(wakes.add(socket: bell.fileDescriptor))
    expect(wakes.add(socket: -1))
    // It is there already, which the kernel refuses.
    expect(!wakes.add(socket: bell.fileDescriptor))
    bell.ring()
    expect(wakes.wait(timeout: .seconds(1)))
    expect(!wakes.isReady(at: 0))
    for timeout in [Duration.zero, .microseconds(300), .milliseconds(20)] {
      let begin = ContinuousClock.now
      expect(!wakes.wait(timeout: timeout))
      #expect(ContinuousClock.now - begin >= timeout)
    }
    bell.ring()
    expect(wakes.wait(timeout: .seconds(1)))
    wakes.remove(bell.fileDescriptor)
    bell.ring()
    expect(!wakes.wait(timeout: .zero))
    // What there is when a socket joins counts as arrived.
    later.ring()
    expect(wakes.add(socket: later.fileDescriptor))
    expect(wakes.wait(timeout: .zero))
  }

  @Test("A signal does not end a wait, nor make it longer")
  func interrupted() throws {
    signal(SIGURG) { _ in }
    let waiting = TestThread {
      // The threads that tests run on block signals, and new threads do as their makers.
      var urgent = sigset_t()
      // The set outlives the calls.
      unsafe sigemptyset(&urgent)
      unsafe sigaddset(&urgent, SIGURG)
      unsafe pthread_sigmask(SIG_UNBLOCK, &urgent, nil)
      let waiter = pthread_self()
      let done = try StopSignal()
      // A wait that began anew at each signal would last as long as they come: ten seconds.
      let interrupting = TestThread {
        for _ in 0..<2000 where !done.isRequested {
          usleep(5000)
          pthread_kill(waiter, SIGURG)
        }
      }
      var poller = Poller(capacity: 1)
      var wakes = try WakeSet(count: 1)
      let begin = ContinuousClock.now
      expectEqual(poller.wait(timeout: .milliseconds(30)), 0)
      expect(!wakes.wait(timeout: .milliseconds(30)))
      let lasted = ContinuousClock.now - begin
      // The thread that is signalled must not end before the signals do.
      done.request()
      try interrupting.join()
      return lasted
    }
    let lasted = try waiting.join()
    #expect(lasted >= .milliseconds(60))
    #expect(lasted < .seconds(10))
  }
}

import Expectations
import MartletTestKit
import Testing
import XSK

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(1)))
struct SharingTests {
  /// Sends frames both ways between a station on `near` and a tap on the other end.
  private static func exchange(
    _ station: inout Station, _ tap: PacketTap, _ redirector: Redirector, first: Int
  ) throws {
    try redirector.set(queue: station.socket.queue, to: station.socket.fileDescriptor)
    let sent = frames(10, first: first)
    expect(station.send(sent))
    #expect(try tap.receive(10, timeout: .seconds(2)) == sent)
    try tap.send(sent)
    expectEqual(station.receive(10), sent)
  }

  @Test("Two queues of one device share memory, each with rings of its own")
  func twoQueues() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let tap = try PacketTap("far", etherType: 0x88b5)
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      var first = Station(try umem.bind(near, queue: 0, mode: .copy), umem, part: 0)
      var second = Station(try umem.bind(near, queue: 1, mode: .copy), umem, part: 1)
      let (a, b) = (first.socket.fileDescriptor, second.socket.fileDescriptor)
      #expect(a != b)
      expect(second.socket.rings.transmit.needsWakeup)
      expect(first.send(frames(10)))
      expect(second.send(frames(10, first: 10)))
      #expect(try tap.receive(20, timeout: .seconds(2)) == frames(20))
    }
  }

  @Test("Two devices share memory")
  func twoDevices() async throws {
    try await withNetworkNamespace {
      let umem = try makeUMEM()
      _ = try VethPair("a0", "a1")
      _ = try VethPair("b0", "b1")
      let (a, b) = (try Interface(named: "a0"), try Interface(named: "b0"))
      let (tapA, tapB) = (
        try PacketTap("a1", etherType: 0x88b5), try PacketTap("b1", etherType: 0x88b5)
      )
      let (programA, programB) = (
        try Redirector(a, native: true), try Redirector(b, native: false)
      )
      var left = Station(try umem.bind(a, queue: 0, mode: .copy), umem, part: 0)
      var right = Station(try umem.bind(b, queue: 0, mode: .generic), umem, part: 1)
      left.fill()
      right.fill()
      try Self.exchange(&left, tapA, programA, first: 0)
      try Self.exchange(&right, tapB, programB, first: 10)
    }
  }

  @Test("Sockets are bound and closed in any order, also after the first one's device is gone")
  func firstDeviceGone() async throws {
    try await withNetworkNamespace {
      let umem = try makeUMEM()
      for name in ["a", "b", "c"] { _ = try VethPair(name + "0", name + "1") }
      let tapB = try PacketTap("b1", etherType: 0x88b5)
      let tapC = try PacketTap("c1", etherType: 0x88b5)
      let (b, c) = (try Interface(named: "b0"), try Interface(named: "c0"))
      let (programB, programC) = (try Redirector(b, native: true), try Redirector(c, native: true))

      let gone = try umem.bind(Interface(named: "a0"), queue: 0, mode: .copy)
      var onB = Station(try umem.bind(b, queue: 0, mode: .copy), umem, part: 1)
      onB.fill()
      try runProgram(["ip", "link", "delete", "a0"])
      expectEqual(gone.interface.state(), .gone)
      expectEqual(gone.kick(), .gone)

      var onC = Station(try umem.bind(c, queue: 0, mode: .copy), umem, part: 2)
      onC.fill()
      try Self.exchange(&onB, tapB, programB, first: 0)
      try Self.exchange(&onC, tapC, programC, first: 10)
      // The first socket still names its own file, not the one that took its place as an anchor.
      expectEqual(gone.kick(), .gone)

      // The anchor is on B now: its queue has to come free all the same.
      try Self.rebind(b, umem, closing: onB, tapB, programB)
      try Self.exchange(&onC, tapC, programC, first: 40)
      _ = consume gone
    }
  }

  private static func rebind(
    _ interface: Interface, _ umem: UMEM, closing station: consuming Station, _ tap: PacketTap,
    _ program: Redirector
  ) throws {
    _ = consume station
    var again = Station(try umem.bind(interface, queue: 0, mode: .copy), umem, part: 1)
    again.fill()
    try exchange(&again, tap, program, first: 20)
  }

  @Test("The first socket's queue comes free while others live")
  func firstCloses() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let first = try umem.bind(near, queue: 0, mode: .copy)
      let second = try umem.bind(near, queue: 1, mode: .copy)
      _ = consume first
      // Another registration on the queue: only possible if nothing holds it any more.
      let other = try makeUMEM().bind(near, queue: 0, mode: .copy, options: patient)
      expectEqual(other.kick(), .done)
      expectEqual(second.kick(), .done)
    }
  }

  @Test("When all devices are gone a bind says so")
  func allDevicesGone() async throws {
    try await withNetworkNamespace {
      let umem = try makeUMEM()
      for name in ["a", "b"] { _ = try VethPair(name + "0", name + "1") }
      let gone = try umem.bind(Interface(named: "a0"), queue: 0, mode: .copy)
      try runProgram(["ip", "link", "delete", "a0"])
      let failure = #expect(throws: XDPError.self) {
        _ = try umem.bind(Interface(named: "b0"), queue: 0, mode: .copy)
      }
      #expect(failure?.kind == .interfaceGone)
      #expect(failure?.remedy == "close their sockets first")
      _ = consume gone
      // With the last socket the registration went: a new one takes its place.
      let socket = try umem.bind(Interface(named: "b0"), queue: 0, mode: .copy)
      expectEqual(socket.kick(), .done)
    }
  }

  @Test("Threads bind and close on one memory at the same time")
  func manyThreads() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      let near = try Interface(named: "near")
      let umem = try makeUMEM()
      let threads = (0..<4).map { queue in
        TestThread {
          for _ in 0..<10 {
            let socket = try umem.bind(near, queue: queue, mode: .copy, options: patient)
            expectEqual(socket.kick(), .done)
          }
        }
      }
      for thread in threads { try thread.join() }
    }
  }
}

/// The kernel lets a queue go later than its socket, under a lock that all network set-up takes:
/// beside tests that take whole namespaces down that may last.
private var patient: BindOptions {
  var options = BindOptions()
  options.busyTimeout = .seconds(30)
  return options
}

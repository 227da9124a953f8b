import Expectations
import MartletTestKit
import Testing
import XSK

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(1)))
struct TrafficTests {
  /// What memory can be registered as.
  enum Shape: CaseIterable { case chunks2048, chunks4096, headroom, unaligned, largestHeadroom }

  private static func umem(_ shape: Shape) throws -> UMEM {
    try makeUMEM { configuration in
      switch shape {
      case .chunks2048: configuration.chunkSize = 2048
      case .chunks4096: configuration.chunkSize = 4096
      case .headroom: configuration.headroom = 128
      case .largestHeadroom: (configuration.chunkSize, configuration.headroom) = (4096, 1800)
      case .unaligned: (configuration.chunkSize, configuration.isUnaligned) = (3000, true)
      }
    }
  }

  @Test("Frames go out byte for byte, in order", arguments: Shape.allCases)
  func send(_ shape: Shape) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: 0x88b5)
      let umem = try Self.umem(shape)
      var station = Station(try umem.bind(Interface(named: "near"), queue: 0, mode: .copy), umem)
      expect(!station.socket.isZeroCopy)
      let sent = frames(32) + [frames(1, length: 1500)[0]]
      expect(station.send(Array(sent.prefix(20))))
      expect(station.send(Array(sent.dropFirst(20))))
      #expect(try tap.receive(33, timeout: .seconds(2)) == sent)
    }
  }

  @Test("Packets come in byte for byte, in order", arguments: Shape.allCases, [true, false])
  func receive(_ shape: Shape, native: Bool) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      let near = try Interface(named: "near")
      let umem = try Self.umem(shape)
      let socket = try umem.bind(near, queue: 0, mode: native ? .copy : .generic)
      var station = Station(socket, umem)
      station.fill()
      let redirector = try Redirector(near, native: native)
      try redirector.set(queue: 0, to: station.socket.fileDescriptor)
      let sent = frames(30)
      try tap.send(sent)
      expectEqual(station.receive(30), sent)
    }
  }

  @Test("The headroom that was asked for stands in front of packets")
  func headroom() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      let near = try Interface(named: "near")
      let umem = try Self.umem(.headroom)
      var station = Station(try umem.bind(near, queue: 0, mode: .copy), umem)
      station.fill()
      let redirector = try Redirector(near, native: true)
      try redirector.set(queue: 0, to: station.socket.fileDescriptor)
      try tap.send(frames(1))
      var poller = Poller(capacity: 1)
      poller.add(station.socket.fileDescriptor)
      expectEqual(poller.wait(timeout: .seconds(2)), 1)
      expectEqual(station.socket.rings.receive.peek(64), 1)
      let descriptor = station.socket.rings.receive.take()
      #expect(descriptor.location % 2048 == 256 + 128)
    }
  }

  @Test("The kernel counts what it drops and refuses")
  func statistics() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far")
      let near = try Interface(named: "near")
      let umem = try makeUMEM { $0.receiveSize = 16 }
      var station = Station(try umem.bind(near, queue: 0, mode: .copy), umem)
      let redirector = try Redirector(near, native: true)
      try redirector.set(queue: 0, to: station.socket.fileDescriptor)
      try tap.send(frames(3))
      var statistics = try Self.statistics(station)
      #expect(statistics.receiveDropped == 3)
      #expect(statistics.fillRingEmpty == 3)
      station.fill()
      try tap.send(frames(20))
      statistics = try Self.statistics(station)
      #expect(statistics.receiveRingFull == 4)
      expectEqual(station.receive(16).count, 16)
      expectEqual(station.socket.rings.transmit.reserve(1), 1)
      station.socket.rings.transmit.put(Descriptor(address: 1 << 30, byteCount: 60))
      station.socket.rings.transmit.submit()
      _ = station.socket.kick()
      statistics = try Self.statistics(station)
      #expect(statistics.transmitInvalid == 1)
      #expect(statistics.receiveInvalid == 0)
    }
  }

  private static func statistics(_ station: borrowing Station) throws -> SocketStatistics {
    let statistics = station.socket.statistics()
    return try #require(statistics)
  }

  @Test("In copy mode one kick sends a bounded number of packets and says that there are more")
  func kickBatch() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let umem = try makeUMEM()
      var station = Station(try umem.bind(Interface(named: "near"), queue: 0, mode: .copy), umem)
      let bound = KernelFeature.widerKicks.isExpected ? Socket.widestKick : 32
      let count = bound + 8
      expectEqual(station.socket.rings.transmit.reserve(UInt32(count)), UInt32(count))
      for chunk in 0..<UInt64(count) {
        station.socket.rings.transmit.put(Descriptor(address: chunk * 2048, byteCount: 60))
      }
      station.socket.rings.transmit.submit()
      expectEqual(station.socket.kick(), .again)
      expectEqual(station.socket.rings.transmit.pending, 8)
      expectEqual(station.socket.kick(), .done)
      expectEqual(station.socket.rings.transmit.pending, 0)
    }
  }

  @Test("While the interface is down nothing is sent; up again, what was submitted goes out")
  func downAndUp() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: 0x88b5)
      let umem = try makeUMEM()
      var station = Station(try umem.bind(Interface(named: "near"), queue: 0, mode: .copy), umem)
      try runProgram(["ip", "link", "set", "near", "down"])
      let sent = frames(3)
      expect(!station.send(sent))
      expectEqual(station.socket.kick(), .down)
      expectEqual(station.socket.rings.transmit.pending, 3)
      try runProgram(["ip", "link", "set", "near", "up"])
      // The carrier comes a moment after the interface: until then the kernel drops.
      while try !runProgram(["ip", "-o", "link", "show", "near"]).contains("state UP") {}
      expectEqual(station.socket.kick(), .done)
      #expect(try tap.receive(3, timeout: .seconds(2)) == sent)
    }
  }

  @Test("A socket over rings in memory kicks nobody")
  func inMemory() throws {
    let kernel = MemoryRings()
    var socket = Socket(inMemory: kernel.takeApplicationEnds())
    expectEqual(socket.kick(), .done)
    socket.wakeReceive()
    expectEqual(socket.statistics(), nil)
    expectEqual(socket.rings.transmit.reserve(1), 1)
    socket.rings.transmit.put(Descriptor(address: 4096, byteCount: 60))
    socket.rings.transmit.submit()
    #expect(kernel.transmit.peek(8) == 1)
    #expect(kernel.transmit.take() == Descriptor(address: 4096, byteCount: 60))
  }
}

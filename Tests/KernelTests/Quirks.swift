import Expectations
import Martlet
import MartletTestKit
import SystemPackage
import Testing

private let sockets = KernelFeature.sockets

/// What this kernel does that no header says, and that the library's design rests on.
///
/// A failure here is no bug of the library: it says that a kernel changed, and which part of the
/// library to look at. Measured on Linux 6.18 in copy mode.
@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct Quirks {
  @Test("Copy-mode completions lose bit 0 of the address: the ledger resolves by granule")
  func completionsLoseBitZero() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var bare = try BareSocket("near")
      expectEqual(
        try bare.send([Descriptor(address: 0x309, byteCount: 60)], completing: 1), [0x308])
    }
  }

  @Test("One sendto moves a bounded number of packets: kicks go on until the ring is empty")
  func kicksAreBounded() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var bare = try BareSocket("near")
      let bound: UInt32 = KernelFeature.widerKicks.isExpected ? 256 : 32
      bare.submit(
        (0..<2 * bound + 4).map { Descriptor(address: UInt64($0 % 64) * 2048, byteCount: 60) })
      expectEqual(bare.socket.kick(), .again)
      expectEqual(bare.socket.rings.transmit.pending, bound + 4)
      for left: UInt32 in [4, 0] {
        _ = bare.socket.kick()
        expectEqual(bare.socket.rings.transmit.pending, left)
      }
    }
  }

  @Test("Aligned mode rounds fill addresses down to the chunk")
  func fillAddressesAreRounded() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var bare = try BareSocket("near")
      bare.fill([2048 * 3 + 1000])
      var steering = try SteeringProgram()
      try bare.steer(&steering)
      try PacketTap("far").send(numbered(1))
      let received = try bare.receive(1)
      expectEqual(received.map(\.address), [2048 * 3 + 256])
    }
  }

  @Test("An invalid transmit descriptor is counted and comes back on the completion ring")
  func invalidDescriptorComesBack() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let tap = try PacketTap("far", etherType: experimental)
      var bare = try BareSocket("near")
      let outside = UInt64(bare.memory.byteCount) * 2
      let invalid = [
        Descriptor(address: outside, byteCount: 60),
        // Across the end of its chunk.
        Descriptor(address: 2048 - 10, byteCount: 60),
      ]
      let completed = try bare.send(invalid, completing: 2)
      expectEqual(completed, [outside, 2048 - 10])
      expectEqual(bare.socket.statistics()?.transmitInvalid, 2)
      #expect(try tap.receive(1, timeout: .zero) == [])
    }
  }

  @Test("A second UMEM on a queue that has one is EBUSY")
  func secondMemoryIsBusy() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let bare = try BareSocket("near")
      var options = BindOptions()
      options.busyTimeout = .zero
      do throws(XDPError) {
        _ = try makeMemory().bind(bare.socket.interface, queue: 0, mode: .copy, options: options)
        Issue.record("two memories share a queue")
      } catch {
        #expect(error.errno == .resourceBusy)
      }
    }
  }

  @Test("On veth the transmit ring always asks to be kicked, the fill ring never")
  func needWakeup() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var bare = try BareSocket("near")
      expect(bare.socket.rings.transmit.needsWakeup)
      expect(!bare.socket.rings.fill.needsWakeup)
      _ = try bare.send([Descriptor(address: 0, byteCount: 60)], completing: 1)
      expect(bare.socket.rings.transmit.needsWakeup)
      expect(!bare.socket.rings.fill.needsWakeup)
    }
  }

  @Test("A fill ring that is empty counts a packet twice: as dropped and as not filled")
  func emptyFillRing() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var bare = try BareSocket("near")
      bare.fill([0])
      var steering = try SteeringProgram()
      try bare.steer(&steering)
      try PacketTap("far").send(numbered(3))
      _ = try bare.receive(1)
      try bare.wait { $0.statistics()?.fillRingEmpty == 2 }
      expectEqual(bare.socket.statistics()?.receiveDropped, 2)
      expectEqual(bare.socket.statistics()?.receiveRingFull, 0)
    }
  }

  @Test("A receive ring that is full is counted apart, and the frame stays with the kernel")
  func fullReceiveRing() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var bare = try BareSocket("near") { $0.receiveSize = 4 }
      bare.fill((0..<16).map { $0 * 2048 })
      var steering = try SteeringProgram()
      try bare.steer(&steering)
      try PacketTap("far").send(numbered(10))
      try bare.wait { $0.statistics()?.receiveRingFull == 6 }
      expectEqual(bare.socket.statistics()?.receiveDropped, 0)
      expectEqual(try bare.receive(4).count, 4)
    }
  }
}

/// A socket with memory of its own and no engine.
private struct BareSocket: ~Copyable {
  var socket: Socket
  let memory: PacketMemory

  init(_ interface: String, _ change: (inout UMEM.Configuration) -> Void = { _ in }) throws {
    let umem = try makeMemory(change)
    socket = try umem.bind(Interface(named: interface), queue: 0, mode: .copy)
    memory = umem.memory()
  }

  /// Puts descriptors on the transmit ring, without a kick.
  mutating func submit(_ descriptors: [Descriptor]) {
    precondition(socket.rings.transmit.reserve(UInt32(descriptors.count)) == descriptors.count)
    for descriptor in descriptors { socket.rings.transmit.put(descriptor) }
    socket.rings.transmit.submit()
  }

  /// Sends descriptors and answers with the completions that came.
  mutating func send(_ descriptors: [Descriptor], completing count: Int) throws -> [UInt64] {
    submit(descriptors)
    var completions: [UInt64] = []
    let end = ContinuousClock.now + patience
    while completions.count < count, ContinuousClock.now < end {
      _ = socket.kick()
      for _ in 0..<socket.rings.completion.peek(64) {
        completions.append(socket.rings.completion.take())
      }
      socket.rings.completion.release()
    }
    return completions
  }

  mutating func fill(_ addresses: [UInt64]) {
    precondition(socket.rings.fill.reserve(UInt32(addresses.count)) == addresses.count)
    for address in addresses { socket.rings.fill.put(address) }
    socket.rings.fill.submit()
  }

  /// Steers every packet of the interface here.
  func steer(_ program: inout SteeringProgram) throws {
    try program.attach(to: socket.interface, mode: .native)
    try program.register(
      socket: socket.fileDescriptor, interface: socket.interface, queue: socket.queue)
    try program.append(Rule(.everything, .socket))
  }

  /// The next `count` descriptors, or those of them that came in time.
  mutating func receive(_ count: Int) throws -> [Descriptor] {
    var poller = Poller(capacity: 1)
    poller.add(socket.fileDescriptor)
    var descriptors: [Descriptor] = []
    while descriptors.count < count {
      guard socket.rings.receive.peek(64) != 0 else {
        guard poller.wait(timeout: patience) != 0 else { break }
        continue
      }
      while socket.rings.receive.remaining > 0 {
        descriptors.append(socket.rings.receive.take())
      }
      socket.rings.receive.release()
    }
    return descriptors
  }

  /// Waits until a counter says so; counters have no event.
  func wait(until isReached: (borrowing Socket) -> Bool) throws {
    let end = ContinuousClock.now + patience
    while !isReached(socket) {
      guard ContinuousClock.now < end else { throw TestKitError("the counter never came") }
    }
  }
}

/// 256 chunks of 2,048 bytes.
private func makeMemory(
  _ change: (inout UMEM.Configuration) -> Void = { _ in }
) throws(XDPError) -> UMEM {
  var configuration = UMEM.Configuration()
  change(&configuration)
  return try UMEM(region: MemoryRegion(byteCount: 256 * 2048), configuration: configuration)
}

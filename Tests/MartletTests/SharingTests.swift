import Expectations
import Glibc
import MartletTestKit
import Synchronization
import Testing

@testable import Martlet

/// Engines over one memory, with a simulated kernel behind a port of each.
private struct Pair: ~Copyable {
  let memory: SimulatedMemory
  let shared: SharedMemory
  var left: Engine
  var right: Engine
  let kernels: [SimulatedKernel]
  let ports: [Port]

  init(
    isUnaligned: Bool, chunks: Int = 64, ringSize: UInt32 = 32, takesFragments: Bool = false
  ) throws {
    var configuration = Engine.Configuration()
    configuration.memory = chunks * 2048
    configuration.ringSize = Int(ringSize)
    configuration.fillDepth = 8
    configuration.burst = 8
    configuration.isUnaligned = isUnaligned
    configuration.takesFragments = takesFragments
    let memory = SimulatedMemory(byteCount: configuration.memory)
    let shared = try SharedMemory(inMemory: configuration, workers: 2)
    var left = try Engine(sharing: shared, memory: memory.packetMemory())
    var right = try Engine(sharing: shared, memory: memory.packetMemory())
    let kernels = (0..<2).map { _ in
      SimulatedKernel(rings: MemoryRings(.init(all: ringSize)), memory: memory) {
        $0.isUnaligned = isUnaligned
        $0.takesFragments = takesFragments
      }
    }
    ports = [
      left.bind(inMemory: kernels[0].rings.takeApplicationEnds()),
      right.bind(inMemory: kernels[1].rings.takeApplicationEnds()),
    ]
    (self.memory, self.shared, self.kernels) = (memory, shared, kernels)
    self.left = left
    self.right = right
  }

  /// What both say of their own rings, and whether all tokens are somewhere.
  mutating func check(tokens: Int = 0) {
    let words = [left.firstDisagreement(), right.firstDisagreement()]
    expectEqual(words, [nil, nil])
    let sum = UInt32(truncatingIfNeeded: left.tokenCount &+ right.tokenCount)
    expectEqual(sum, UInt32(tokens))
  }

  /// Lets both engines take in what the other sent home, and top up.
  mutating func turn() throws {
    for _ in 0..<3 {
      expect(try left.wait(timeout: .zero))
      expect(try right.wait(timeout: .zero))
    }
  }
}

@Suite struct SharingTests {
  @Test(
    "What one engine receives another sends, and the frames come home", arguments: [false, true])
  func across(_ isUnaligned: Bool) throws {
    var pair = try Pair(isUnaligned: isUnaligned)
    expectEqual(pair.ports.map(\.index), [0, 60])
    for round in 0..<50 {
      let numbers = round * 4..<round * 4 + 4
      for number in numbers { expect(pair.kernels[0].deliver(packet(number))) }
      var count = 0
      while let frame = pair.left.receive(from: pair.ports[0]) {
        count += 1
        pair.right.send(frame, to: pair.ports[1])
      }
      expectEqual(count, 4)
      pair.right.flush()
      expectEqual(pair.kernels[1].transmitAll(), packets(numbers))
      try pair.turn()
      pair.check()
    }
    expectEqual(pair.left.report(of: pair.ports[0]).received.packets, 200)
    expectEqual(pair.right.report(of: pair.ports[1]).sent.packets, 200)
    let ledger = pair.left.ledger()
    expectEqual([ledger.received, ledger.held, ledger.transmit], [0, 0, 0])
    expectEqual(ledger.fill, 16 * 32)
  }

  @Test("An engine that could not be made leaves its place to the next")
  func noDescriptors() async {
    await #expect(processExitsWith: .success) {
      var configuration = Engine.Configuration()
      configuration.memory = 64 * 2048
      let memory = SimulatedMemory(byteCount: configuration.memory)
      let shared = try SharedMemory(inMemory: configuration, workers: 2)
      var limit = rlimit()
      // The structure outlives the calls.
      precondition(unsafe getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0)
      var none = rlimit(rlim_cur: 0, rlim_max: limit.rlim_max)
      precondition(unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &none) == 0)
      for _ in 0..<3 {
        do throws(XDPError) {
          _ = try Engine(sharing: shared, memory: memory.packetMemory())
          preconditionFailure("an engine without descriptors was made")
        } catch {
          precondition(!error.reason.contains("that many there are"), "\(error)")
        }
      }
      precondition(unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0)
      let first = try Engine(sharing: shared, memory: memory.packetMemory())
      let second = try Engine(sharing: shared, memory: memory.packetMemory())
      precondition(first.ports.first == 0 && second.ports.first == 60)
    }
  }

  @Test(
    "What an engine received and sent it receives into again at once, another's goes home",
    arguments: [false, true])
  func passedOn(_ isUnaligned: Bool) throws {
    var pair = try Pair(isUnaligned: isUnaligned)
    let rings = pair.kernels[1].rings
    let used = (0..<3).map { rings.fill.pendingEntry($0) }
    for number in 0..<3 {
      for kernel in pair.kernels { expect(kernel.deliver(packet(number))) }
    }
    for _ in 0..<3 {
      guard let foreign = pair.left.receive(from: pair.ports[0]),
        let own = pair.right.receive(from: pair.ports[1])
      else { return expect(false) }
      pair.right.send(foreign, to: pair.ports[1])
      pair.right.send(own, to: pair.ports[1])
    }
    expect(pair.left.receive(from: pair.ports[0]) == nil)
    expect(pair.right.receive(from: pair.ports[1]) == nil)
    expectEqual(pair.kernels[1].transmitAll().count, 6)
    expect(pair.right.receive(from: pair.ports[1]) == nil)
    expectEqual(rings.fill.pending, 8)
    expectEqual((5..<8).map { rings.fill.pendingEntry($0) }, used)
    try pair.turn()
    pair.check()
    expectEqual(pair.left.ledger().fill, 16 * 32)
  }

  @Test(
    "What another engine received is packed into pages of one's own, and its slot goes home",
    arguments: [false, true])
  func packed(_ isUnaligned: Bool) throws {
    var pair = try Pair(isUnaligned: isUnaligned)
    expect(pair.kernels[0].deliver(packet(1)))
    guard let frame = pair.left.receive(from: pair.ports[0]) else { return expect(false) }
    let settled = pair.right.settle(frame, .pack)
    expectEqual(pair.right.copies.packets, 1)
    try pair.turn()
    expectEqual(pair.right.ledger().held, 1)
    pair.check(tokens: 1)
    pair.left.send(settled, to: pair.ports[0])
    pair.left.flush()
    expectEqual(pair.kernels[0].transmitAll(), packets(1..<2))
    try pair.turn()
    pair.check()
    // The other engine counts what this one has ready as held.
    expectEqual(pair.right.ledger().held, 0)
  }

  @Test("A frame is released, settled or held by an engine that did not receive it")
  func elsewhere() throws {
    var pair = try Pair(isUnaligned: true)
    var shelf = Shelf()
    for number in 0..<60 {
      expect(pair.kernels[0].deliver(packet(number)))
      guard let frame = pair.left.receive(from: pair.ports[0]) else {
        // The burst's end.
        guard let frame = pair.left.receive(from: pair.ports[0]) else { return expect(false) }
        pair.right.release(frame)
        try pair.turn()
        continue
      }
      switch number % 3 {
      case 0: pair.right.release(frame)
      case 1: shelf.put(pair.right.settle(frame, .wholeSlot))
      default: shelf.put(pair.right.settle(frame, .pack))
      }
      if shelf.count > 8, let oldest = shelf.take() { pair.left.release(oldest) }
      try pair.turn()
      pair.check(tokens: shelf.count)
    }
    while let frame = shelf.take() { pair.left.release(frame) }
    try pair.turn()
    pair.check()
    expectEqual(pair.left.ledger().held, 0)
  }

  @Test("After a burst on one engine the other can have its memory")
  func memoryMoves() throws {
    var pair = try Pair(isUnaligned: true, chunks: 128)
    var counts: [Int] = []
    for side in 0..<2 {
      var shelf = Shelf()
      // What the other one keeps spare it lets go of when it next looks.
      for _ in 0..<3 {
        while shelf.count < 64,
          let frame = side == 0
            ? pair.left.allocate(byteCount: 2048) : pair.right.allocate(byteCount: 2048)
        {
          shelf.put(frame)
        }
        try pair.turn()
      }
      counts.append(shelf.count)
      while let frame = shelf.take() {
        if side == 0 { pair.left.release(frame) } else { pair.right.release(frame) }
      }
      try pair.turn()
    }
    expectEqual(counts, [64, 64])
    pair.check()
  }

  @Test("The memory has as many engines as it was made for, and says so")
  func limits() throws {
    let pair = try Pair(isUnaligned: true)
    let memory = pair.memory
    let shared = pair.shared
    expect(refuses { _ = try Engine(sharing: shared, memory: memory.packetMemory()) })
    let configuration = Engine.Configuration()
    for workers in [0, -1, 32] {
      expect(refuses { _ = try SharedMemory(inMemory: configuration, workers: workers) })
    }
  }

  @Test(
    "A jumbo packet that one engine received another sends, releases or keeps",
    arguments: [false, true])
  func jumbo(_ isUnaligned: Bool) throws {
    var pair = try Pair(isUnaligned: isUnaligned, takesFragments: true)
    // Three fragments: 1,792 + 1,792 + 416 bytes.
    let long = packet(77, byteCount: 4000)
    for _ in 0..<30 {
      for _ in 0..<2 { expect(pair.kernels[0].deliver(long)) }
      guard let sent = pair.left.receive(from: pair.ports[0]),
        let released = pair.left.receive(from: pair.ports[0])
      else { return expect(false) }
      expectEqual([sent.fragmentCount, released.fragmentCount], [3, 3])
      let held = pair.right.settle(sent)
      pair.check(tokens: 6)
      pair.right.release(released)
      pair.right.send(held, to: pair.ports[1])
      pair.right.flush()
      expectEqual(pair.kernels[1].transmitAll(), [long])
      expect(pair.left.receive(from: pair.ports[0]) == nil)
      try pair.turn()
      pair.check()
    }
    let ledger = pair.left.ledger()
    expectEqual([ledger.received, ledger.held, ledger.transmit], [0, 0, 0])
  }

  private func refuses(_ body: () throws -> Void) -> Bool {
    do {
      try body()
      return false
    } catch {
      return error is XDPError
    }
  }

  @Test("Two threads: one receives, the other sends, for a long time in little memory")
  func threads() throws {
    var configuration = Engine.Configuration()
    configuration.memory = 64 * 2048
    configuration.ringSize = 32
    configuration.fillDepth = 16
    configuration.burst = 8
    let memory = SimulatedMemory(byteCount: configuration.memory)
    let shared = try SharedMemory(inMemory: configuration, workers: 2)
    let channel = Channel()
    let total = 20_000
    let receiver = TestThread { () -> UInt64 in
      var engine = try Engine(sharing: shared, memory: memory.packetMemory())
      let kernel = SimulatedKernel(rings: MemoryRings(.init(all: 32)), memory: memory)
      let port = engine.bind(inMemory: kernel.rings.takeApplicationEnds())
      var number = 0
      var received = 0
      while received < total {
        while number < total, kernel.deliver(packet(number)) { number += 1 }
        while let frame = engine.receive(from: port) {
          channel.put(frame)
          received += 1
        }
        _ = try engine.wait(timeout: .zero)
      }
      channel.end()
      while channel.isBusy { _ = try engine.wait(timeout: .zero) }
      _ = try engine.wait(timeout: .zero)
      return engine.report(of: port).received.packets
    }
    let sender = TestThread { () -> [Int] in
      var engine = try Engine(sharing: shared, memory: memory.packetMemory())
      let kernel = SimulatedKernel(rings: MemoryRings(.init(all: 32)), memory: memory)
      let port = engine.bind(inMemory: kernel.rings.takeApplicationEnds())
      var next = 0
      var wrong = 0
      while let frame = channel.take() {
        engine.send(frame, to: port)
        engine.flush()
        for bytes in kernel.transmitAll() {
          if bytes != packet(next) { wrong += 1 }
          next += 1
        }
        _ = try engine.wait(timeout: .zero)
      }
      _ = try engine.wait(timeout: .zero)
      channel.finish()
      return [next, wrong]
    }
    let sent = try sender.join()
    let received = try receiver.join()
    expectEqual(sent, [total, 0])
    expectEqual(received, UInt64(total))
  }
}

/// Frames on their way from one thread to another, in order.
private final class Channel: Sendable {
  private struct State: ~Copyable {
    var shelf = Shelf()
    var isEnded = false
    var isBusy = true
  }
  private let state = Mutex(State())

  /// Whether the other side is not through yet.
  var isBusy: Bool { state.withLock { $0.isBusy } }

  func put(_ frame: consuming Frame) {
    var frame: Frame? = frame
    while frame != nil {
      frame = state.withLock { state in
        guard state.shelf.count < 64, let full = frame.take() else { return frame.take() }
        state.shelf.put(full)
        return nil
      }
    }
  }

  /// The next frame; nil after the last.
  func take() -> Frame? {
    while true {
      var isOver = false
      let frame = state.withLock { state -> Frame? in
        isOver = state.isEnded && state.shelf.count == 0
        return state.shelf.take()
      }
      if let frame { return frame }
      if isOver { return nil }
    }
  }

  func end() { state.withLock { $0.isEnded = true } }
  func finish() { state.withLock { $0.isBusy = false } }
}

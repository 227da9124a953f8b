import MartletTestKit
import Testing
import XSK

/// A simulated queue with the application's ends taken, and the first chunks in the fill ring.
private struct Queue: ~Copyable {
  let kernel: SimulatedKernel
  var application: QueueRings

  init(
    filled: Int = 4, sizes: UInt32 = 8,
    _ change: (inout SimulatedKernel.Configuration) -> Void = { _ in }
  ) {
    let memory = SimulatedMemory(byteCount: 16 * 2048)
    let rings = MemoryRings(.init(all: sizes), position: .max - 2)
    kernel = SimulatedKernel(rings: rings, memory: memory, change)
    application = rings.takeApplicationEnds()
    fill((0..<filled).map { UInt64($0) * 2048 })
  }

  mutating func fill(_ addresses: [UInt64]) {
    #expect(application.fill.reserve(UInt32(addresses.count)) == addresses.count)
    for address in addresses { application.fill.put(address) }
    application.fill.submit()
  }

  mutating func received() -> [Descriptor] {
    let descriptors = (0..<application.receive.peek(.max)).map { _ in application.receive.take() }
    application.receive.release()
    return descriptors
  }

  mutating func send(_ descriptors: [Descriptor]) {
    #expect(application.transmit.reserve(UInt32(descriptors.count)) == descriptors.count)
    for descriptor in descriptors { application.transmit.put(descriptor) }
    application.transmit.submit()
  }

  mutating func completed() -> [UInt64] {
    let addresses = (0..<application.completion.peek(.max)).map { _ in
      application.completion.take()
    }
    application.completion.release()
    return addresses
  }
}

@Suite struct SimulatedKernelTests {
  @Test("A packet lands 256 bytes into the chunk that was filled first")
  func deliver() {
    var queue = Queue(filled: 0)
    // Aligned mode rounds a fill address down to its chunk.
    queue.fill([3 * 2048 + 77, 2048])
    #expect(queue.kernel.deliver([1, 2, 3]))
    #expect(queue.kernel.deliver([4]))
    let expected = [
      Descriptor(address: 3 * 2048 + 256, byteCount: 3),
      Descriptor(address: 2048 + 256, byteCount: 1),
    ]
    #expect(queue.received() == expected)
    #expect(queue.kernel.memory.read(at: 3 * 2048 + 256, count: 3) == [1, 2, 3])
    let memory = queue.kernel.packetMemory()
    // One byte is there to load.
    let byte = unsafe memory.span(at: 2048 + 256, count: 1).unsafeLoad(as: UInt8.self)
    #expect(byte == 4)
  }

  @Test("Unaligned: any base, the distance to the packet in the top 16 bits")
  func unaligned() {
    var queue = Queue(filled: 0) {
      $0.isUnaligned = true
      $0.headroom = 64
    }
    queue.fill([1001])
    #expect(queue.kernel.deliver([9]))
    let descriptor = queue.received()
    #expect(descriptor == [Descriptor(address: 1001 | 320 << 48, byteCount: 1)])
    #expect(queue.kernel.memory.read(at: 1321, count: 1) == [9])
  }

  @Test("An empty fill ring drops and counts; nothing is lost")
  func fillEmpty() {
    var queue = Queue(filled: 1)
    #expect(queue.kernel.deliver([1]))
    #expect(!queue.kernel.deliver([2]))
    #expect(queue.kernel.counts.fillEmpty == 1)
    queue.fill([2048])
    #expect(queue.kernel.deliver([3]))
    #expect(queue.kernel.counts.received == 2)
    #expect(queue.received().count == 2)
  }

  @Test("A full receive ring drops and counts, and the next packet gets the parked chunk")
  func receiveRingFull() {
    var queue = Queue(filled: 4, sizes: 4)
    for _ in 0..<4 { #expect(queue.kernel.deliver([1])) }
    queue.fill([4 * 2048, 5 * 2048])
    #expect(!queue.kernel.deliver([2]))
    #expect(!queue.kernel.deliver([2]))
    #expect(queue.kernel.counts.receiveRingFull == 2)
    #expect(queue.kernel.parkedChunks == [4 * 2048])
    _ = queue.received()
    #expect(queue.kernel.deliver([3]))
    #expect(queue.received().map(\.address) == [4 * 2048 + 256])
    #expect(queue.kernel.parkedChunks.isEmpty)
  }

  @Test("A fill address outside the memory is thrown away silently")
  func invalidFill() {
    var queue = Queue(filled: 0)
    queue.fill([16 * 2048, .max, 0])
    #expect(queue.kernel.deliver([1]))
    #expect(queue.received().map(\.address) == [256])
    #expect(queue.kernel.counts.invalidFill == 2)
  }

  @Test("A long packet is dropped, or with fragments spread over chunks")
  func fragments() {
    let packet = (0..<4000).map { UInt8($0 % 251) }
    var plain = Queue()
    #expect(plain.kernel.deliver([UInt8](repeating: 0, count: 1792)))
    #expect(!plain.kernel.deliver([UInt8](repeating: 0, count: 1793)))
    #expect(plain.kernel.counts.tooLong == 1)
    var queue = Queue(filled: 2) { $0.takesFragments = true }
    #expect(!queue.kernel.deliver(packet), "three chunks are needed")
    queue.fill([2 * 2048])
    #expect(queue.kernel.deliver(packet))
    let descriptors = queue.received()
    #expect(descriptors.map(\.byteCount) == [1792, 1792, 416])
    #expect(descriptors.map(\.continues) == [true, true, false])
    let bytes = descriptors.flatMap {
      queue.kernel.memory.read(at: $0.location, count: Int($0.byteCount))
    }
    #expect(bytes == packet)
    #expect(plain.received().count == 1)
  }

  @Test("What is sent is copied out and completed in order")
  func transmit() {
    var queue = Queue()
    queue.kernel.memory.write([1, 2, 3, 4, 5], at: 4095 - 4)
    queue.send([
      Descriptor(address: 4091, byteCount: 3), Descriptor(address: 4094, byteCount: 2),
    ])
    #expect(queue.kernel.transmit(limit: 1) == [[1, 2, 3]])
    #expect(queue.completed() == [4091])
    #expect(queue.kernel.transmitAll() == [[4, 5]])
    #expect(queue.completed() == [4094])
    #expect(queue.kernel.counts.sent == 2)
  }

  @Test(
    "A bad descriptor is counted, not sent, and comes back",
    arguments: [
      Descriptor(address: 16 * 2048, byteCount: 1), Descriptor(address: 2047, byteCount: 2),
      Descriptor(address: 0, byteCount: 2049), Descriptor(address: 0, byteCount: 0),
      Descriptor(address: .max, byteCount: 2), Descriptor(address: 0, byteCount: 1, options: 2),
    ])
  func invalidTransmit(_ descriptor: Descriptor) {
    var queue = Queue()
    queue.send([descriptor, Descriptor(address: 0, byteCount: 2048)])
    #expect(queue.kernel.transmitAll().count == 1)
    #expect(queue.completed() == [descriptor.address, 0])
    #expect(queue.kernel.counts.invalidTransmit == 1)
    queue.kernel.faults.forgetsInvalid = true
    queue.send([descriptor])
    #expect(queue.kernel.transmitAll() == [])
    #expect(queue.completed() == [])
  }

  @Test("A packet of several fragments goes out whole, and not before it is complete")
  func transmitFragments() {
    var queue = Queue()
    queue.kernel.memory.write([1, 2], at: 0)
    queue.kernel.memory.write([3], at: 2048)
    queue.send([Descriptor(address: 0, byteCount: 2, options: 1)])
    #expect(queue.kernel.transmitAll() == [])
    queue.send([Descriptor(address: 2048, byteCount: 1)])
    #expect(queue.kernel.transmitAll() == [[1, 2, 3]])
    #expect(queue.completed() == [0, 2048])
  }

  @Test("Nothing is taken for which the completion ring has no room")
  func completionRingFull() {
    var queue = Queue(sizes: 4)
    let descriptors = (0..<4).map { Descriptor(address: $0 * 2048, byteCount: 1) }
    queue.send(descriptors)
    #expect(queue.kernel.transmitAll().count == 4)
    queue.send(descriptors)
    #expect(queue.kernel.transmitAll() == [])
    #expect(queue.application.transmit.pending == 4)
    #expect(queue.completed().count == 4)
    #expect(queue.kernel.transmitAll().count == 4)
  }

  @Test("Faults: reversed, without bit 0, twice, with garbage")
  func faults() {
    var queue = Queue()
    queue.kernel.faults.reversesCompletions = true
    queue.kernel.faults.losesBitZero = true
    queue.kernel.faults.repeatsCompletions = true
    queue.kernel.faults.garbage = [.max]
    queue.send([
      Descriptor(address: 301, byteCount: 1), Descriptor(address: 2048, byteCount: 1),
    ])
    #expect(queue.kernel.transmitAll().count == 2)
    #expect(queue.completed() == [2048, 2048, 300, 300, .max])
    queue.send([Descriptor(address: 1, byteCount: 1)])
    #expect(queue.kernel.transmitAll().count == 1)
    #expect(queue.completed() == [0, 0])
  }

  @Test("Faults: late completions keep their room in the ring")
  func lateCompletions() {
    var queue = Queue(sizes: 4)
    queue.kernel.faults.holdsCompletions = true
    let descriptors = (0..<4).map { Descriptor(address: $0 * 2048, byteCount: 1) }
    queue.send(descriptors)
    #expect(queue.kernel.transmitAll().count == 4)
    #expect(queue.completed() == [])
    queue.send([descriptors[0]])
    #expect(queue.kernel.transmitAll() == [])
    queue.kernel.releaseCompletions()
    #expect(queue.completed() == descriptors.map(\.address))
    #expect(queue.kernel.transmitAll().count == 1)
    #expect(queue.kernel.heldCompletions == [0])
  }
}

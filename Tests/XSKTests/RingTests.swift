import Glibc
import MartletTestKit
import Testing
import XSK

/// Both ends of one ring, in memory, with the cursors anywhere.
private struct Ends: ~Copyable {
  let words: RingWords<UInt64>
  var producer: ProducerRing<UInt64>
  var consumer: ConsumerRing<UInt64>

  init(size: UInt32 = 8, position: UInt32 = 0) {
    words = RingWords(size: size, position: position)
    producer = words.makeProducer()
    consumer = words.makeConsumer()
  }

  mutating func produce(_ entries: some Collection<UInt64>) {
    #expect(producer.reserve(UInt32(entries.count)) == entries.count)
    for entry in entries { producer.put(entry) }
    producer.submit()
  }

  mutating func consume(_ maximum: UInt32) -> [UInt64] {
    let entries = (0..<consumer.peek(maximum)).map { _ in consumer.take() }
    consumer.release()
    return entries
  }
}

/// Starts of the cursors: fresh, about to wrap at 2^32, about to change sign.
private let positions: [UInt32] = [0, .max - 3, .max, 1 << 31 - 3]

@Suite struct RingTests {
  @Test("An empty ring has all room and nothing to take", arguments: positions)
  func empty(position: UInt32) {
    var ends = Ends(position: position)
    #expect(ends.consumer.peek(64) == 0)
    #expect(ends.consumer.remaining == 0)
    #expect(ends.consumer.pending == 0)
    #expect(ends.producer.pending == 0)
    #expect(ends.producer.reserve(64) == 8)
    #expect(ends.producer.size == 8)
    #expect(ends.producer.position == position)
  }

  @Test("One entry arrives once", arguments: positions)
  func oneEntry(position: UInt32) {
    var ends = Ends(position: position)
    ends.produce([7])
    #expect(ends.producer.pending == 1)
    #expect(ends.producer.position == position &+ 1)
    #expect(ends.consume(64) == [7])
    #expect(ends.consume(64) == [])
    #expect(ends.producer.pending == 0)
  }

  @Test("A full ring takes nothing more until entries are released", arguments: positions)
  func full(position: UInt32) {
    var ends = Ends(position: position)
    ends.produce(0..<8)
    #expect(ends.producer.reserve(1) == 0)
    #expect(ends.consumer.pending == 8)
    #expect(ends.consumer.peek(3) == 3)
    #expect((0..<3).map { _ in ends.consumer.take() } == [0, 1, 2])
    // Taken is not released: the producer must not overwrite what the consumer may still read.
    #expect(ends.producer.reserve(1) == 0)
    ends.consumer.release()
    #expect(ends.producer.reserve(8) == 3)
    ends.produce(8..<11)
    #expect(ends.consume(64) == Array(3..<11))
  }

  @Test("A ring of one entry alternates", arguments: positions)
  func smallest(position: UInt32) {
    var ends = Ends(size: 1, position: position)
    for entry in UInt64(0)..<20 {
      ends.produce([entry])
      #expect(ends.producer.reserve(1) == 0)
      #expect(ends.consume(64) == [entry])
    }
  }

  @Test("Order survives every fill level across the wrap", arguments: positions, 1...8)
  func wrap(position: UInt32, burst: Int) {
    var ends = Ends(position: position)
    for round in UInt64(0)..<40 {
      let entries = (0..<UInt64(burst)).map { round * 100 + $0 }
      ends.produce(entries)
      #expect(ends.consume(.max) == entries)
    }
    #expect(ends.producer.position == position &+ UInt32(40 * burst))
  }

  @Test("A window bounds what is taken, and the next one goes on behind it", arguments: positions)
  func windows(position: UInt32) {
    var ends = Ends(position: position)
    ends.produce(0..<7)
    #expect(ends.consumer.peek(4) == 4)
    #expect(ends.consumer.take() == 0)
    #expect(ends.consumer.remaining == 3)
    #expect(ends.consumer.pending == 6)
    // Only what was taken goes back, not the rest of the window.
    ends.consumer.release()
    #expect(ends.producer.pending == 6)
    // A new window begins at the next entry to take, whether the old one was walked or not.
    #expect(ends.consumer.peek(2) == 2)
    #expect(ends.consumer.take() == 1)
    #expect(ends.consumer.take() == 2)
    #expect(ends.consumer.remaining == 0)
    #expect(ends.consumer.pending == 4)
    #expect(ends.producer.pending == 6)
    ends.consumer.release()
    #expect(ends.producer.pending == 4)
    #expect(ends.consume(64) == [3, 4, 5, 6])
  }

  @Test("What is put is invisible until it is submitted", arguments: positions)
  func visibility(position: UInt32) {
    var ends = Ends(position: position)
    #expect(ends.producer.reserve(2) == 2)
    ends.producer.put(1)
    ends.producer.put(2)
    #expect(ends.consumer.peek(64) == 0)
    #expect(ends.producer.pending == 2)
    ends.producer.submit()
    #expect(ends.consumer.peek(64) == 2)
  }

  @Test("Reserving is no promise to put: it can be asked again", arguments: positions)
  func reserveAgain(position: UInt32) {
    var ends = Ends(position: position)
    #expect(ends.producer.reserve(5) == 5)
    #expect(ends.producer.reserve(8) == 8)
    ends.produce(0..<6)
    #expect(ends.producer.reserve(2) == 2)
    #expect(ends.producer.reserve(3) == 2)
    #expect(ends.producer.reserve(0) == 0)
  }

  @Test("The ledger sees entries without taking them", arguments: positions)
  func pendingEntries(position: UInt32) {
    var ends = Ends(position: position)
    ends.produce(0..<5)
    #expect(ends.consume(2) == [0, 1])
    #expect((0..<3).map { ends.consumer.pendingEntry($0) } == [2, 3, 4])
    #expect((0..<3).map { ends.producer.pendingEntry($0) } == [2, 3, 4])
    #expect(ends.consume(64) == [2, 3, 4])
  }

  @Test("An end made later starts where the ring stands")
  func laterEnds() {
    var ends = Ends(position: .max - 1)
    let words = ends.words
    defer { withExtendedLifetime(words) {} }
    ends.produce(0..<4)
    #expect(ends.consume(1) == [0])
    var consumer = words.makeConsumer()
    #expect(consumer.peek(64) == 3)
    #expect(consumer.take() == 1)
    var producer = words.makeProducer()
    #expect(producer.reserve(64) == 5)
    #expect(producer.position == 2)
  }

  @Test("The need-wakeup flag is read from the kernel's word")
  func needsWakeup() {
    let ends = Ends()
    #expect(ends.producer.needsWakeup == false)
    ends.words.needsWakeup = true
    #expect(ends.producer.needsWakeup == true)
    ends.words.needsWakeup = false
    #expect(ends.producer.needsWakeup == false)
  }

  @Test("Descriptors keep all their fields on the way")
  func descriptors() {
    let words = RingWords<Descriptor>(size: 4)
    defer { withExtendedLifetime(words) {} }
    var producer = words.makeProducer()
    var consumer = words.makeConsumer()
    let sent = [
      Descriptor(address: .max, byteCount: 1, options: 0),
      Descriptor(address: 1 << 48 | 7, byteCount: .max, options: 1),
    ]
    #expect(producer.reserve(2) == 2)
    for descriptor in sent { producer.put(descriptor) }
    producer.submit()
    #expect(consumer.peek(2) == 2)
    #expect([consumer.take(), consumer.take()] == sent)
  }

  @Test("A million numbers cross from thread to thread in order", .timeLimit(.minutes(1)))
  func threads() async throws {
    let count: UInt64 = 1_000_000
    let words = RingWords<UInt64>(size: 256, position: .max - 1000)
    // The two ends share nothing but the ring's words, which are atomic or handed over by them.
    nonisolated(unsafe) let shared = words
    let consuming = TestThread { unsafe takeInOrder(shared.makeConsumer(), count) }
    let producing = TestThread { unsafe putInOrder(shared.makeProducer(), count) }
    try producing.join()
    #expect(try consuming.join() == count)
  }
}

/// Puts 0 ..< count in bursts of changing size.
private func putInOrder(_ ring: consuming ProducerRing<UInt64>, _ count: UInt64) {
  var next: UInt64 = 0
  while next < count {
    let wanted = UInt32(min(count - next, 1 + next % 61))
    let room = ring.reserve(wanted)
    if room == 0 { sched_yield() }
    for _ in 0..<room {
      ring.put(next)
      next += 1
    }
    ring.submit()
  }
}

/// Takes numbers until `count` came or one is out of order; returns how many were right.
private func takeInOrder(_ ring: consuming ConsumerRing<UInt64>, _ count: UInt64) -> UInt64 {
  var expected: UInt64 = 0
  while expected < count {
    let ready = ring.peek(1 + UInt32(expected % 47))
    if ready == 0 { sched_yield() }
    for _ in 0..<ready {
      if ring.take() != expected { return expected }
      expected += 1
    }
    ring.release()
  }
  return expected
}

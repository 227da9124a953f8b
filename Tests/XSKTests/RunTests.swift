import Expectations
import MartletTestKit
import Testing
import XSK

@Suite struct RunTests {
  /// Starts of the cursors: at the memory's start, before its end, about to wrap at 2^32.
  static let positions: [UInt32] = [0, 5, 7, .max - 2, .max]

  @Test("Runs walk a window in order, in two pieces where the memory ends", arguments: positions)
  func walk(position: UInt32) {
    let words = RingWords<UInt64>(size: 8, position: position)
    var producer = words.makeProducer()
    var consumer = words.makeConsumer()
    expectEqual(fill(&producer, with: 0..<6), position & 7 > 2 ? 2 : 1)
    expectEqual(consumer.peek(5), 5)
    var entries: [UInt64] = []
    var pieces = 0
    while consumer.remaining != 0 {
      var run = consumer.openRun()
      expect(!run.isEmpty && !run.isClosed)
      pieces += 1
      while !run.isEmpty { entries.append(run.take()) }
      expectEqual(consumer.position(of: run), position &+ UInt32(entries.count))
      consumer.close(&run)
      expectEqual(consumer.position, position &+ UInt32(entries.count))
    }
    expectEqual(entries, Array(0..<5))
    expectEqual(pieces, position & 7 > 3 ? 2 : 1)
    expectEqual(consumer.peek(64), 1)
  }

  @Test("A run closed halfway leaves the rest to the ring", arguments: positions)
  func halfway(position: UInt32) {
    let words = RingWords<UInt64>(size: 8, position: position)
    var producer = words.makeProducer()
    var consumer = words.makeConsumer()
    _ = fill(&producer, with: 0..<4)
    expectEqual(consumer.peek(4), 4)
    var run = consumer.openRun()
    expectEqual(run.first, 0)
    run.skip()
    consumer.close(&run)
    expectEqual(consumer.remaining, 3)
    expectEqual([consumer.take(), consumer.take(), consumer.take()], [1, 2, 3])
  }

  @Test("Closing a closed run moves nothing")
  func closed() {
    let words = RingWords<UInt64>(size: 8, position: 0)
    var producer = words.makeProducer()
    var consumer = words.makeConsumer()
    var room = producer.openRun(3)
    expectEqual(room.count, 3)
    producer.close(&room)
    expect(room.isClosed && room.isEmpty)
    expectEqual(room.count, 0)
    producer.put(9)
    producer.close(&room)
    expectEqual(producer.position, 1)
    producer.submit()
    expectEqual(consumer.peek(1), 1)
    var run = consumer.openRun()
    consumer.close(&run)
    expectEqual(consumer.take(), 9)
    consumer.close(&run)
    expectEqual(consumer.position, 1)
  }

  @Test("A full ring and a closed one have no run")
  func noRoom() {
    let words = RingWords<UInt64>(size: 4, position: 2)
    var producer = words.makeProducer()
    _ = fill(&producer, with: 0..<4)
    expect(producer.openRun(.max).isEmpty)
    var consumer = words.makeConsumer()
    _ = consumer.peek(4)
    consumer.skipWindow()
    consumer.release()
    expectEqual(producer.openRun(1).count, 1)
    producer.close()
    expect(producer.openRun(1).isEmpty)
  }

  /// Puts entries through runs and publishes them; returns how many runs that took.
  private func fill(_ ring: inout ProducerRing<UInt64>, with entries: Range<UInt64>) -> Int {
    var pieces = 0
    var entries = entries
    while !entries.isEmpty {
      var run = ring.openRun(UInt32(entries.count))
      guard !run.isEmpty else { break }
      pieces += 1
      while !run.isEmpty {
        run.put(entries.lowerBound)
        entries = entries.dropFirst()
      }
      ring.close(&run)
    }
    ring.submit()
    return pieces
  }
}

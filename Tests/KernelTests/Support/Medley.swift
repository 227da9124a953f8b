import Martlet
import MartletTestKit
import Testing

/// Does everything that can be done with frames, in an order that a seed repeats, and knows what
/// must have been sent.
struct Medley: ~Copyable {
  private var random: SeededGenerator
  private let port: Port
  private var store = FrameStore(capacity: 64)
  private var sent: [[UInt8]] = []
  private var number = 0

  init(seed: UInt64, port: Port) {
    random = SeededGenerator(seed: seed)
    self.port = port
  }

  private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

  private mutating func next() -> [UInt8] {
    number += 1
    return frame(number: number, length: 60 + pick(1441))
  }

  /// Lets some packets arrive at the port, by a tap at its peer.
  mutating func arrive(by tap: borrowing PacketTap) throws {
    for _ in 0..<pick(16) { try tap.send(next()) }
  }

  /// Takes what arrived, makes frames, and does something with each and with some that are kept.
  mutating func turn(_ engine: inout Engine) {
    while let frame = engine.receive(from: port) { spend(frame, &engine) }
    for _ in 0..<pick(16) {
      if let frame = engine.frame(with: next()) { spend(frame, &engine) }
    }
    for _ in 0..<pick(16) {
      if let frame = store.take() { spend(frame, &engine) }
    }
  }

  private mutating func spend(_ frame: consuming Frame, _ engine: inout Engine) {
    let before = engine.content(of: frame)
    let ways: [Settling] = [.wholeSlot, .inPlace, .copyBreak(upTo: 256), .pack]
    switch pick(10) {
    case 0..<3:
      // No more than are collected before the next turn, so the ring always has room.
      sent.append(before)
      return engine.send(frame, to: port)
    case 3: return engine.release(frame)
    case 4:
      guard let settled = engine.settle(frame, in: FlowGroup(index: 1)) else { return }
      keep(settled, before, &engine)
    case 5: keep(engine.compact(frame), before, &engine)
    default: keep(engine.settle(frame, ways[pick(ways.count)]), before, &engine)
    }
  }

  private mutating func keep(
    _ frame: consuming Frame, _ before: [UInt8], _ engine: inout Engine
  ) {
    let after = engine.content(of: frame)
    expectSame([after], [before])
    if store.isFull { engine.release(frame) } else { store.put(frame) }
  }

  /// The packets sent since the last time.
  mutating func takeSent() -> [[UInt8]] {
    defer { sent = [] }
    return sent
  }

  mutating func releaseAll(_ engine: inout Engine) {
    while let frame = store.take() { engine.release(frame) }
  }
}

extension Engine {
  /// A frame with a packet in it; nil if there is no room.
  mutating func frame(with packet: [UInt8]) -> Frame? {
    guard var frame = allocate(byteCount: packet.count) else { return nil }
    var bytes = mutableBytes(of: &frame)
    for (offset, byte) in packet.enumerated() {
      bytes.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
    return frame
  }
}

import Expectations
import Martlet
import MartletTestKit
import Testing

extension Engine {
  /// Waits until `count` packets came in on `port` and answers with their bytes.
  ///
  /// With fewer if they do not come in time.
  mutating func collect(
    _ count: Int, from port: Port, within limit: Duration = patience
  ) throws -> [[UInt8]] {
    var packets: [[UInt8]] = []
    let end = ContinuousClock.now + limit
    while packets.count < count, ContinuousClock.now < end,
      try wait(timeout: .milliseconds(100))
    {
      while let frame = receive(from: port) {
        packets.append(content(of: frame))
        release(frame)
      }
    }
    return packets
  }

  /// The whole packet, from all fragments.
  func content(of frame: borrowing Frame) -> [UInt8] {
    var content: [UInt8] = []
    content.reserveCapacity(frame.byteCount)
    for number in 0..<frame.fragmentCount {
      // The span's own bytes, copied while it is there.
      content += unsafe bytes(of: frame, fragment: number).withUnsafeBytes { unsafe [UInt8]($0) }
    }
    return content
  }

  /// Sends packets, each from a frame of its own.
  mutating func transmit(_ packets: [[UInt8]], to port: Port) throws {
    let end = ContinuousClock.now + patience
    for packet in packets {
      var sent = false
      while !sent {
        if var frame = allocate(byteCount: packet.count) {
          var bytes = mutableBytes(of: &frame)
          for (offset, byte) in packet.enumerated() {
            bytes.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
          }
          send(frame, to: port)
          sent = true
        } else {
          guard ContinuousClock.now < end else { throw TestKitError("no free frame") }
          _ = try wait(timeout: .milliseconds(1))
        }
      }
    }
    flush()
  }

  /// Waits until `count` of the packets that were sent came out at the peer's tap, and answers with
  /// them; with fewer if they do not come in time.
  ///
  /// The kernel may not take all at once: what it left is flushed again.
  mutating func collect(_ count: Int, by tap: PacketTap) throws -> [[UInt8]] {
    var packets: [[UInt8]] = []
    let end = ContinuousClock.now + patience
    while packets.count < count, ContinuousClock.now < end {
      flush()
      packets += try tap.collect(count - packets.count, within: .milliseconds(20))
    }
    return packets
  }

  /// Waits until the kernel has given back every frame that was to be sent.
  mutating func waitForCompletions() throws {
    let end = ContinuousClock.now + patience
    while ledger().transmit + ledger().completion > 0, ContinuousClock.now < end {
      _ = try wait(timeout: .milliseconds(1))
    }
    expectEqual(ledger().transmit + ledger().completion, 0)
  }

  /// Records an issue if a frame is lost or in two places.
  func expectConserved() {
    expectEqual(firstDisagreement(), nil)
    let ledger = ledger()
    expect(ledger.isConserved)
    expectEqual(
      ledger.free + ledger.fill + ledger.received + ledger.held + ledger.transmit
        + ledger.completion, ledger.total)
  }
}

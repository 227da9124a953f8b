import MartletTestKit
import Testing

@Suite struct CaptureTests {
  private let capture = Capture([
    .init(time: .seconds(1_700_000_000) + .nanoseconds(123_456_789), packet: [1, 2, 3]),
    .init(time: .seconds(1_700_000_001), packet: []),
  ])

  @Test("A file's bytes, literally")
  func layout() {
    #expect(
      capture.bytes.prefix(43) == [
        0x4D, 0x3C, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        0x00, 0xF1, 0x53, 0x65, 0x15, 0xCD, 0x5B, 0x07, 3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3,
      ])
  }

  @Test("What was written is read again")
  func roundTrip() throws {
    #expect(try Capture(bytes: capture.bytes) == capture)
    #expect(try Capture(bytes: Capture().bytes).records.isEmpty)
  }

  @Test("Microseconds and cut packets are read")
  func microseconds() throws {
    var bytes = capture.bytes
    bytes[0] = 0xD4
    bytes[1] = 0xC3
    bytes.replaceSubrange(28..<32, with: [5, 0, 0, 0])
    bytes[36] = 99
    let record = try #require(try Capture(bytes: bytes).records.first)
    #expect(record.time == .seconds(1_700_000_000) + .microseconds(5))
    #expect(record.packet == [1, 2, 3])
    #expect(record.wireByteCount == 99)
  }

  @Test("A file that ends early, or is none, is an error and no trap")
  func broken() {
    let bytes = capture.bytes
    let wholeRecords = [24, 43, 59]
    for count in 0..<bytes.count where !wholeRecords.contains(count) {
      #expect(throws: TestKitError.self) { try Capture(bytes: Array(bytes.prefix(count))) }
    }
    #expect(throws: TestKitError.self) { try Capture(bytes: [UInt8](repeating: 0, count: 99)) }
  }
}

import MartletTestKit
import Wire

/// Packets that carry their number, and bytes that follow from number and place.
///
/// One that is cut, mixed up or shifted shows. As Tests/Consumer checks them.
enum Numbered {
  /// A frame of the EtherType for experiments, which no protocol answers.
  static func frame(_ number: Int, byteCount: Int) -> [UInt8] {
    let head = Flow.guestMAC + Flow.hostMAC + [0x88, 0xB5]
    return head + content(number, byteCount: byteCount - head.count)
  }

  /// A datagram of a flow.
  static func datagram(_ number: Int, of flow: Flow, byteCount: Int) -> [UInt8] {
    flow.datagram(content(number, byteCount: byteCount - (flow.isVersion6 ? 62 : 42)))
  }

  /// A frame's number, nil if a byte is not as it was made.
  static func number(of frame: [UInt8]) -> Int? {
    let start = start(of: frame)
    guard frame.count >= start + 4 else { return nil }
    let number = (0..<4).reduce(0) { $0 | Int(frame[start + $1]) << (8 * $1) }
    // A short frame is padded on the way.
    let isWhole = (start + 4..<frame.count).allSatisfy {
      frame[$0] == UInt8(truncatingIfNeeded: ($0 - start - 4) &* 7 &+ number)
    }
    return isWhole ? number : nil
  }

  /// The sender's port of a datagram, 0 for anything else.
  static func port(of frame: [UInt8]) -> UInt16 {
    let start = start(of: frame)
    guard start > 14, frame.count >= start else { return 0 }
    return UInt16(frame[start - 8]) << 8 | UInt16(frame[start - 7])
  }

  private static func content(_ number: Int, byteCount: Int) -> [UInt8] {
    let digits = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    return digits + (0..<max(0, byteCount - 4)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
  }

  private static func start(of frame: [UInt8]) -> Int {
    guard frame.count > 14 else { return frame.count }
    switch (frame[12], frame[13]) {
    case (0x08, 0x00): return 14 + 20 + 8
    case (0x86, 0xDD): return 14 + 40 + 8
    default: return 14
    }
  }
}

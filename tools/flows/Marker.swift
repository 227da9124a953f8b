import Martlet

/// Eight bytes that a sender repeats in all that it sends, wherever in them a packet begins.
///
/// No two senders have a letter in common, so that every single byte says whose it is.
struct Marker: Sendable {
  let letters: Set<UInt8>
  /// The marker from each of its places on, as eight bytes in memory.
  private let turns: [UInt64]

  /// Nil unless `text` has eight bytes.
  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 8 else { return nil }
    letters = Set(bytes)
    turns = (0..<8).map { start in
      (0..<8).reduce(0) { $0 | UInt64(bytes[(start + $1) % 8]) << (8 * $1) }
    }
  }

  /// Whether the bytes from `start` on are the marker again and again.
  func fills(_ bytes: RawSpan, from start: Int = 0) -> Bool {
    let count = bytes.byteCount - start
    guard count >= 8 else {
      return (start..<bytes.byteCount).allSatisfy { letters.contains(bytes.byte(at: $0)) }
    }
    let first = bytes.word(at: start)
    guard turns.contains(first) else { return false }
    var place = start + 8
    while place + 8 <= bytes.byteCount {
      if bytes.word(at: place) != first { return false }
      place += 8
    }
    while place < bytes.byteCount {
      if bytes.byte(at: place) != bytes.byte(at: place - 8) { return false }
      place += 1
    }
    return true
  }

  /// Whether eight bytes are the marker from any of its places on.
  func isTurn(_ word: UInt64) -> Bool { turns.contains(word) }
}

/// What a packet in a group's pages turns out to be.
enum Finding {
  /// Of the group's flow with this number, and whole.
  case own(Int)
  /// Of one of the group's flows, and not as it was sent.
  case corrupt
  /// Of none of the group's flows.
  case outside
}

extension GroupPlan {
  /// Looks at a packet: whose it is, its checksum, and every byte of its payload.
  func find(_ frame: RawSpan) -> Finding {
    guard let key = FlowKey(frame: frame),
      let number = flows.firstIndex(where: { $0.key == key })
    else { return .outside }
    let isWhole =
      key.ipProtocol == .udp
      ? isWholeDatagram(frame, flows[number].marker) : isWholeSegment(frame, flows[number].marker)
    return isWhole ? .own(number) : .corrupt
  }

  /// iperf3 begins a test with four bytes, and every datagram with a time and a number.
  private func isWholeDatagram(_ frame: RawSpan, _ marker: Marker) -> Bool {
    guard let pseudo = PseudoHeader(frame: frame), let udp = UDP(frame: frame),
      udp.isChecksumValid(pseudo)
    else { return false }
    return udp.payload.byteCount == 4 || marker.fills(udp.payload, from: 12)
  }

  private func isWholeSegment(_ frame: RawSpan, _ marker: Marker) -> Bool {
    guard let pseudo = PseudoHeader(frame: frame), let tcp = TCP(frame: frame),
      tcp.isChecksumValid(pseudo)
    else { return false }
    return marker.fills(tcp.payload)
  }
}

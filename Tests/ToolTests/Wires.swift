import MartletTestKit

/// Two cables in the current namespace: the tool works on `left` and `right`, the test holds the
/// other ends.
struct Wires {
  let left: PacketTap
  let right: PacketTap

  init(queueCount: Int = 1) throws {
    for (near, far) in [("left", "far-left"), ("right", "far-right")] {
      _ = try VethPair(near, far) { $0.queueCount = queueCount }
    }
    left = try PacketTap("far-left")
    right = try PacketTap("far-right")
  }
}

/// Frames that a wire must pass on as they are, though nobody else would.
func oddFrames() -> [[UInt8]] {
  var builder = PacketBuilder()
  let payload = [UInt8](0..<100)
  var frames = [builder.arpRequest(), builder.arpReply(), builder.udp(payload: payload)]
  frames += [builder.tcp(payload: payload), builder.icmpEcho(payload: payload)]
  // Addressed to somebody else, to groups, and to the nearest bridge (LLDP, spanning tree).
  let toBridge: [UInt8] = [0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E]
  frames.append(
    toBridge + builder.source.mac + [0x88, 0xCC, 0x02, 0x07, 0x04, 1, 2, 3, 4, 5, 6, 0])
  // A length instead of a type: IEEE 802.2.
  frames.append(
    [0x01, 0x80, 0xC2, 0, 0, 0] + builder.source.mac + [0, 38, 0x42, 0x42, 0x03]
      + [UInt8](repeating: 0x5A, count: 43))
  // Types that nobody knows.
  frames.append(builder.ethernet(type: 0x88B5, payload: payload))
  frames.append(builder.ethernet(type: 0xFFFF, payload: payload))
  // Broken IP: wrong checksum, impossible lengths, an unknown version.
  var broken = builder.udp(payload: payload)
  broken[24] ^= 0xFF
  frames.append(broken)
  for first: UInt8 in [0x41, 0x4F, 0x05, 0xF5] {
    var packet = builder.udp(payload: payload)
    packet[14] = first
    frames.append(packet)
  }
  var long = builder.udp(payload: payload)
  long[16] = 0xFF
  frames.append(long)
  frames.append(builder.ethernet(type: 0x0800, payload: [0x45]))
  builder.version = .v6
  frames += [builder.udp(payload: payload), builder.icmpEcho(payload: payload)]
  frames.append(builder.ethernet(type: 0x86DD, payload: [0x60, 0, 0, 0, 0xFF]))
  // One tag, two tags, and a tag at the end of the frame.
  for tags: [UInt16] in [[5], [0xE064, 7]] {
    builder.vlanTags = tags
    frames.append(builder.udp(payload: payload))
  }
  // Every length below the shortest that a real wire has, and the longest.
  for count in 14...60 {
    frames.append(PacketBuilder().ethernet(type: 0x88B5, payload: Array(payload[..<(count - 14)])))
  }
  frames.append(
    PacketBuilder().ethernet(type: 0x88B5, payload: (0..<1500).map { UInt8($0 % 251) }))
  return frames
}

/// `count` frames of different lengths that carry their number.
func numberedFrames(_ count: Int) -> [[UInt8]] {
  (0..<count).map { number in
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    let filler = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number * 7 % 400)
    return PacketBuilder().ethernet(type: 0x88B6, payload: bytes + filler)
  }
}

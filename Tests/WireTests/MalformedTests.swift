import Testing
import Wire

/// Bytes of any kind: nil or an answer, never a trap, never a byte beyond the end.
@Suite struct MalformedTests {
  /// Bytes from the start of each frame to the end of what its views need.
  static var ends: [String: Int] {
    ["arpRequest": 42, "ping": 51]  // Padding follows; all other packets end with the frame.
  }

  @Test(arguments: Packets.all.map(\.name))
  func truncatedAtEveryLength(_ name: String) {
    for (found, bytes) in Packets.all where found == name {
      let whole = facts(bytes.raw)
      let end = Self.ends[name] ?? bytes.count
      for length in 0...bytes.count {
        let part = Array(bytes[..<length])
        let found = facts(part.raw)
        // The link's headers are there as soon as they fit, all others only when all of them is.
        var expected = whole.filter { length >= end || ["Ethernet", "VLAN"].contains($0.key) }
        if length < 14 { expected["Ethernet"] = nil }
        if length < 18 { expected["VLAN"] = nil }
        equal(found, expected)
        equal(readEverything(part.raw) <= length, true)
      }
    }
  }

  @Test func whatEachPacketHolds() {
    let expected: [String: Set<String>] = [
      "arpRequest": ["ARP"], "ping": ["IPv4", "ICMP", "FlowKey"],
      "dnsInVLAN": ["VLAN", "IPv4", "UDP", "FlowKey"],
      "udpInTwoVLANs": ["VLAN", "IPv4", "UDP", "FlowKey"], "tcpSYN": ["IPv4", "TCP", "FlowKey"],
      "tcpOverIPv6": ["IPv6", "TCP", "FlowKey"], "igmpWithOptions": ["IPv4", "FlowKey"],
      "laterFragment": ["IPv4", "FlowKey"], "firstFragment": ["IPv4", "FlowKey"],
      "pingOverIPv6": ["IPv6", "ICMPv6", "FlowKey"],
      "udpBehindExtensions": ["IPv6", "UDP", "FlowKey"],
      "fragmentOverIPv6": ["IPv6", "FlowKey"], "udpZeroSum": ["IPv4", "UDP", "FlowKey"],
    ]
    for (name, bytes) in Packets.all {
      equal(Set(facts(bytes.raw).keys), (expected[name] ?? []).union(["Ethernet"]))
    }
  }

  /// Half of the bytes are noise, half are packets of ours with a few bytes changed and an end cut.
  private func sample(_ packets: [[UInt8]], _ random: inout Generator) -> [UInt8] {
    guard random.next() & 1 == 0 else {
      return random.bytes(Int.random(in: 0...96, using: &random))
    }
    var bytes = packets[Int.random(in: 0..<packets.count, using: &random)]
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      let offset = Int.random(in: 12..<bytes.count, using: &random)
      bytes[offset] = UInt8(truncatingIfNeeded: random.next())
    }
    if random.next() & 3 == 0 {
      bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
    }
    return bytes
  }

  @Test func randomBytesAreReadInBounds() {
    var random = Generator(state: 0x3141_5926)
    let packets = Packets.all.map(\.bytes)
    for _ in 0..<100_000 {
      let bytes = sample(packets, &random)
      guard readEverything(bytes.raw) <= bytes.count else {
        Issue.record("a span is longer than its bytes: \(bytes)")
        return
      }
    }
  }

  @Test func randomBytesAreWrittenInBounds() {
    var random = Generator(state: 0x2718_2818)
    let packets = Packets.all.map(\.bytes)
    for _ in 0..<20_000 {
      let bytes = sample(packets, &random)
      // Fences on both sides: a store beyond the bytes would change them.
      let fence = [UInt8](repeating: 0x5C, count: 64)
      var fenced = fence + bytes + fence
      let range = 64..<64 + bytes.count
      for step in 0..<9 {
        write(&fenced) { span in writeEverything(span._consumingExtracting(range), step: step) }
      }
      guard fenced.prefix(64) == fence[...], fenced.suffix(64) == fence[...] else {
        Issue.record("a store beyond the bytes: \(bytes)")
        return
      }
    }
  }

  /// Writes through one view, chosen by `step`, lengths of other headers included.
  private func writeEverything(_ span: consuming MutableRawSpan, step: Int) {
    let pseudo = PseudoHeader(
      source: IPv4Address.any, destination: IPv4Address.any, ipProtocol: .tcp)
    switch step {
    case 0:
      guard var ethernet = Ethernet(span) else { return }
      ethernet.swapAddresses()
    case 1:
      guard var tag = VLAN(frame: span) else { return }
      tag.priority = 7
      tag.etherType = .ipv4
    case 2:
      guard var arp = ARP(frame: span) else { return }
      arp.reply(from: .broadcast)
    case 3:
      guard var ip = IPv4(frame: span) else { return }
      ip.decrementTimeToLive()
      ip.swapAddresses()
      ip.updateChecksum()
    case 4:
      guard var ip = IPv6(frame: span) else { return }
      ip.decrementHopLimit()
      ip.swapAddresses()
    case 5:
      guard var icmp = ICMP(frame: span) else { return }
      _ = icmp.replyToEcho()
      icmp.updateChecksum()
    case 6:
      guard var icmp = ICMPv6(frame: span) else { return }
      _ = icmp.replyToEcho()
      icmp.updateChecksum(pseudo)
    case 7:
      guard var udp = UDP(frame: span) else { return }
      udp.swapPorts()
      udp.updateChecksum(pseudo)
    default:
      guard var tcp = TCP(frame: span) else { return }
      tcp.swapPorts()
      tcp.urgentPointer = 1
      tcp.updateChecksum(pseudo)
    }
  }

  /// Another process may write the bytes under a view: lengths were taken once.
  @Test func lengthsChangedAfterTheCheck() {
    var bytes = Packets.tcpSYN
    unsafe bytes.withUnsafeMutableBytes { memory in
      // The span does not outlive the memory; that it is written meanwhile is the point.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(memory))
      guard let ip = IPv4(frame: span), let tcp = TCP(ip.payload) else { return missing("TCP") }
      unsafe memory[14] = 0x4F
      unsafe memory[16] = 0xFF
      unsafe memory[46] = 0xF0
      equal(ip.headerByteCount, 20)
      equal(ip.totalLength, 60)
      equal(ip.payload.byteCount, 40)
      equal(tcp.options.byteCount, 20)
      equal(tcp.payload.byteCount, 0)
    }
  }
}

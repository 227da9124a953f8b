import Testing
import Wire

@Suite struct IPv6Tests {
  let first = IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1)
  let second = IPv6Address(high: 0x2001_0DB8_0000_0000, low: 2)

  @Test func fields() {
    let bytes = Packets.tcpOverIPv6
    guard let ip = IPv6(frame: bytes.raw) else { return missing("IPv6") }
    equal(ip.trafficClass, 0x28)
    equal(ip.flowLabel, 0xBEEF5)
    equal(ip.payloadLength, 36)
    equal(ip.nextHeader, .tcp)
    equal(ip.hopLimit, 64)
    equal(ip.source, first)
    equal(ip.destination, second)
    equal(array(ip.payload), Array(bytes[54...]))
    equal(ip.fragment, nil)
    equal(ip.upperLayer?.ipProtocol, .tcp)
    equal(ip.upperLayer?.offset, 40)
    equal(ip.upperLayer?.byteCount, 36)
    equal(ip.upperLayer?.isFragment, false)
  }

  @Test func extensionHeadersAreSkipped() {
    let bytes = Packets.udpBehindExtensions
    guard let ip = IPv6(frame: bytes.raw) else { return missing("IPv6") }
    equal(ip.nextHeader, .hopByHop)
    equal(ip.upperLayer?.ipProtocol, .udp)
    equal(ip.upperLayer?.offset, 72)
    equal(ip.upperLayer?.byteCount, 12)
    equal(ip.upperLayer?.isFragment, false)
    equal(ip.fragment, nil)
    guard let payload = ip.upperPayload, let udp = UDP(payload) else { return missing("UDP") }
    equal(udp.destinationPort, 4321)
  }

  @Test func fragmentInTheMiddle() {
    let bytes = Packets.fragmentOverIPv6
    guard let ip = IPv6(frame: bytes.raw) else { return missing("IPv6") }
    equal(ip.fragment?.offset, 1448)
    equal(ip.fragment?.hasMore, true)
    equal(ip.fragment?.identification, 0x0102_0304)
    equal(ip.upperLayer?.ipProtocol, .tcp)
    equal(ip.upperLayer?.offset, 48)
    equal(ip.upperLayer?.isFragment, true)
    equal(TCP(frame: bytes.raw) == nil, true)
  }

  /// A packet whose chain is `headers`, each with its own kind, then `last` and 8 bytes.
  private func chain(_ headers: [(IPProtocol, [UInt8])], last: IPProtocol) -> [UInt8] {
    var bytes = Array(Packets.pingOverIPv6[14..<54])
    let kinds = headers.map(\.0) + [last]
    bytes[6] = kinds[0].rawValue
    for (index, header) in headers.enumerated() {
      bytes += [kinds[index + 1].rawValue] + header.1
    }
    bytes += [UInt8](repeating: 0xAB, count: 8)
    bytes[5] = UInt8(bytes.count - 40)
    return bytes
  }

  private func options(_ units: Int) -> [UInt8] {
    [UInt8(units)] + [UInt8](repeating: 0, count: 6 + 8 * units)
  }

  @Test func everyKindOfExtensionHeader() {
    let kinds: [IPProtocol] = [
      .hopByHop, .routing, .destinationOptions, .mobility, .hip, .shim6,
    ]
    for kind in kinds {
      let bytes = chain([(kind, options(2))], last: .udp)
      guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
      equal(ip.upperLayer?.offset, 64)
      equal(ip.upperLayer?.ipProtocol, .udp)
    }
    // The authentication header counts in units of 4, from 2: 4 is 24 bytes.
    let bytes = chain([(.ah, [4] + [UInt8](repeating: 0, count: 22))], last: .tcp)
    guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
    equal(ip.upperLayer?.offset, 64)
    equal(ip.upperLayer?.byteCount, 8)
  }

  @Test func endsOfTheChain() {
    for end in [IPProtocol.esp, .noNextHeader, .ipv6, IPProtocol(rawValue: 253)] {
      let bytes = chain([(.routing, options(0))], last: end)
      guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
      equal(ip.upperLayer?.ipProtocol, end)
      equal(ip.upperLayer?.offset, 48)
    }
  }

  @Test func firstFragmentGoesOnLaterOnesDoNot() {
    let first: [UInt8] = [0, 0, 1, 0, 0, 0, 9]
    let bytes = chain([(.fragment, first), (.destinationOptions, options(0))], last: .udp)
    guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
    equal(ip.upperLayer?.ipProtocol, .udp)
    equal(ip.upperLayer?.offset, 56)
    equal(ip.upperLayer?.isFragment, true)
    equal(ip.fragment?.offset, 0)
    equal(ip.fragment?.hasMore, true)
    equal(ip.fragment?.identification, 9)
    var last = bytes
    last[43] = 8
    guard let later = IPv6(last.raw) else { return missing("IPv6") }
    equal(later.upperLayer?.ipProtocol, .destinationOptions)
    equal(later.upperLayer?.offset, 48)
    equal(later.fragment?.offset, 8)
    equal(later.fragment?.hasMore, false)
  }

  @Test func chainsUpToTheBound() {
    for count in 1...10 {
      let headers = [(IPProtocol, [UInt8])](
        repeating: (.destinationOptions, options(0)), count: count)
      let bytes = chain(headers, last: .udp)
      guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
      let isRead = count <= IPv6<RawSpan>.maximumExtensions
      equal(ip.upperLayer?.offset, isRead ? 40 + 8 * count : nil)
      equal(ip.upperPayload == nil, !isRead)
    }
  }

  @Test func chainsThatLeaveThePacket() {
    for units in [2, 3, 200, 255] {
      var bytes = chain([(.hopByHop, options(0))], last: .udp)
      bytes[41] = UInt8(units)
      guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
      equal(ip.upperLayer, nil)
      let frame: [UInt8] = Packets.pingOverIPv6[..<14] + bytes
      equal(UpperLayer(frame: frame.raw), nil)
    }
    // Exactly to the end: nothing is left, but nothing is broken.
    var bytes = chain([(.hopByHop, options(0))], last: .udp)
    bytes[41] = 1
    guard let ip = IPv6(bytes.raw) else { return missing("IPv6") }
    equal(ip.upperLayer?.byteCount, 0)
  }

  @Test func headersThatCannotBe() {
    func isNil(_ change: (inout [UInt8]) -> Void) -> Bool {
      var bytes = Array(Packets.pingOverIPv6[14...])
      change(&bytes)
      return IPv6(bytes.raw) == nil
    }
    equal(isNil { _ in }, false)
    for version in [0, 4, 5, 7, 15] { equal(isNil { $0[0] = UInt8(version << 4) }, true) }
    equal(isNil { $0[5] = 17 }, true)
    equal(isNil { $0[4] = 1 }, true)
    equal(isNil { $0[5] = 0 }, false)
    equal(isNil { $0.removeLast() }, true)
  }

  @Test func setters() {
    for fill in [UInt8(0), 0xFF] {
      var bytes = [0x60 | fill & 0xF, fill, fill, fill, 0, 2, 17, fill]
      bytes += [UInt8](repeating: fill, count: 34)
      write(&bytes) { span in
        guard var ip = IPv6(span) else { return missing("IPv6") }
        ip.trafficClass = 0x5A
        equal(ip.flowLabel, fill == 0 ? 0 : 0xFFFFF)
        ip.flowLabel = 0x12345
        equal(ip.trafficClass, 0x5A)
        equal(ip.flowLabel, 0x12345)
        ip.hopLimit = 7
        ip.source = IPv6Address(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F)
        ip.destination = IPv6Address(high: 0x1011_1213_1415_1617, low: 0x1819_1A1B_1C1D_1E1F)
        equal(ip.hopLimit, 7)
        equal(ip.source.low, 0x0809_0A0B_0C0D_0E0F)
        equal(ip.destination.high, 0x1011_1213_1415_1617)
        equal(ip.mutablePayload.byteCount, 2)
      }
      equal(bytes, [0x65, 0xA1, 0x23, 0x45, 0, 2, 17, 7] + Array(0..<32) + [fill, fill])
    }
  }

  @Test func decrementAndSwap() {
    var bytes = Packets.pingOverIPv6
    bytes[21] = 2
    write(&bytes) { span in
      guard var ip = IPv6(frame: span) else { return missing("IPv6") }
      ip.decrementHopLimit()
      equal(ip.hopLimit, 1)
      ip.decrementHopLimit()
      ip.decrementHopLimit()
      equal(ip.hopLimit, 0)
      ip.swapAddresses()
      equal(ip.source, second)
      equal(ip.destination, first)
    }
  }
}

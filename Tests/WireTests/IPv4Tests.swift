import Testing
import Wire

@Suite struct IPv4Tests {
  @Test func fields() {
    let bytes = Packets.dnsInVLAN
    guard let ip = IPv4(frame: bytes.raw) else { return missing("IPv4") }
    equal(ip.headerByteCount, 20)
    equal(ip.totalLength, 50)
    equal(ip.trafficClass, 0xB8)
    equal(ip.identification, 0x1234)
    equal(ip.dontFragment, true)
    equal(ip.isFragment, false)
    equal(ip.fragment, nil)
    equal(ip.timeToLive, 64)
    equal(ip.ipProtocol, .udp)
    equal(ip.checksum, 0x13CD)
    equal(ip.isChecksumValid, true)
    equal(ip.source, IPv4Address(10, 0, 0, 1))
    equal(ip.destination, IPv4Address(10, 0, 0, 2))
    equal(ip.options.byteCount, 0)
    equal(array(ip.payload), Array(bytes[38...]))
    equal(ip.upperLayer.offset, 20)
    equal(ip.upperLayer.byteCount, 30)
  }

  @Test func options() {
    let bytes = Packets.igmpWithOptions
    guard let ip = IPv4(frame: bytes.raw) else { return missing("IPv4") }
    equal(ip.headerByteCount, 24)
    equal(array(ip.options), [0x94, 4, 0, 0])
    equal(ip.isChecksumValid, true)
    equal(ip.ipProtocol, .igmp)
    equal(ip.dontFragment, false)
    equal(array(ip.payload), Array(bytes[38...]))
  }

  @Test func payloadEndsBeforeThePadding() {
    guard let ip = IPv4(frame: Packets.ping.raw) else { return missing("IPv4") }
    equal(ip.totalLength, 37)
    equal(ip.payload.byteCount, 17)
  }

  @Test func fragments() {
    let later = Packets.laterFragment
    guard let last = IPv4(frame: later.raw) else { return missing("IPv4") }
    equal(last.isFragment, true)
    equal(last.fragment?.offset, 1480)
    equal(last.fragment?.hasMore, false)
    equal(last.fragment?.identification, 0xCAFE)
    let first = Packets.firstFragment
    guard let ip = IPv4(frame: first.raw) else { return missing("IPv4") }
    equal(ip.isFragment, true)
    equal(ip.fragment?.offset, 0)
    equal(ip.fragment?.hasMore, true)
    equal(UDP(frame: later.raw) == nil, true)
    equal(UDP(frame: first.raw) == nil, true)
  }

  @Test(arguments: 0..<20)
  func everyWrongHeaderByteIsSeen(_ offset: Int) {
    var bytes = Packets.dnsInVLAN
    bytes[18 + offset] ^= offset == 0 ? 0 : 0x04
    guard let ip = IPv4(frame: bytes.raw) else { return equal(offset == 2 || offset == 3, true) }
    equal(ip.isChecksumValid, offset == 0)
  }

  @Test func headersThatCannotBe() {
    func isNil(_ change: (inout [UInt8]) -> Void) -> Bool {
      var bytes = Array(Packets.tcpSYN[14...])
      change(&bytes)
      return IPv4(bytes.raw) == nil
    }
    equal(isNil { _ in }, false)
    for version in [0, 3, 5, 6, 15] { equal(isNil { $0[0] = UInt8(version << 4 | 5) }, true) }
    for words in 0..<5 { equal(isNil { $0[0] = UInt8(0x40 | words) }, true) }
    equal(isNil { $0[0] = 0x4F }, false)  // 60 bytes of header: the whole packet.
    equal(isNil { $0[3] = 61 }, true)  // Longer than the bytes.
    equal(isNil { $0[3] = 59 }, false)
    equal(isNil { $0[3] = 19 }, true)  // Shorter than the header.
    equal(
      isNil {
        $0[0] = 0x46; $0[3] = 23
      }, true)
    equal(
      isNil {
        $0[0] = 0x46; $0[3] = 24
      }, false)
    equal(isNil { $0[2] = 1 }, true)
    equal(isNil { $0.removeLast() }, true)
  }

  @Test func setters() {
    var bytes = Packets.igmpWithOptions
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      ip.trafficClass = 0x12
      ip.identification = 0x3456
      ip.dontFragment = true
      ip.timeToLive = 0x78
      ip.ipProtocol = .tcp
      ip.checksum = 0x9ABC
      ip.source = IPv4Address(1, 2, 3, 4)
      ip.destination = IPv4Address(5, 6, 7, 8)
      equal(ip.mutablePayload.byteCount, 8)
      equal(ip.trafficClass, 0x12)
      equal(ip.identification, 0x3456)
      equal(ip.dontFragment, true)
      equal(ip.timeToLive, 0x78)
      equal(ip.ipProtocol, .tcp)
      equal(ip.checksum, 0x9ABC)
      equal(ip.source, IPv4Address(1, 2, 3, 4))
      equal(ip.destination, IPv4Address(5, 6, 7, 8))
    }
    let header: [UInt8] = [
      0x46, 0x12, 0, 32, 0x34, 0x56, 0x40, 0, 0x78, 6, 0x9A, 0xBC, 1, 2, 3, 4, 5, 6, 7, 8,
    ]
    equal(bytes, Packets.igmpWithOptions[..<14] + header + Packets.igmpWithOptions[34...])
  }

  @Test func clearingDontFragmentLeavesTheRest() {
    var bytes = Packets.laterFragment
    bytes[20] |= 0x40
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      ip.dontFragment = false
    }
    equal(bytes, Packets.laterFragment)
  }

  @Test func updateChecksumCoversOptions() {
    var bytes = Packets.igmpWithOptions
    bytes[24] = 0x55
    bytes[25] = 0xAA
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      ip.updateChecksum()
    }
    equal(bytes, Packets.igmpWithOptions)
  }

  @Test func swapAddresses() {
    var bytes = Packets.ping
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      ip.swapAddresses()
      equal(ip.isChecksumValid, true)
    }
    equal(Array(bytes[26..<34]), [10, 0, 0, 2, 10, 0, 0, 1])
  }

  /// Every time to live, over identifications that carry the checksum across every value.
  @Test func decrementKeepsTheChecksumRight() {
    for identification in stride(from: 0, to: 0x1_0000, by: 251) {
      var bytes = Array(Packets.ping[14...])
      bytes[4] = UInt8(identification >> 8)
      bytes[5] = UInt8(identification & 0xFF)
      for timeToLive in [255, 128, 64, 2, 1] as [UInt8] {
        bytes[8] = timeToLive
        write(&bytes) { span in
          guard var ip = IPv4(span) else { return missing("IPv4") }
          ip.updateChecksum()
          ip.decrementTimeToLive()
        }
        var cleared = Array(bytes[..<20])
        cleared.replaceSubrange(10..<12, with: [0, 0])
        let right = slowChecksum(cleared)
        equal(bytes[8], timeToLive - 1)
        equal(UInt16(bytes[10]) << 8 | UInt16(bytes[11]), right)
      }
    }
  }

  @Test func decrementLeavesZeroAlone() {
    var bytes = Packets.ping
    bytes[22] = 0
    let before = bytes
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      ip.decrementTimeToLive()
    }
    equal(bytes, before)
  }

  @Test func decrementKeepsAWrongChecksumWrong() {
    var bytes = Packets.ping
    bytes[24] ^= 0x10
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      ip.decrementTimeToLive()
      equal(ip.isChecksumValid, false)
    }
  }
}

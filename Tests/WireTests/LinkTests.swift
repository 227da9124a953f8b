import Testing
import Wire

/// Ethernet, VLAN tags and ARP.
@Suite struct LinkTests {
  let first = MACAddress(2, 0, 0, 0, 0, 1)
  let second = MACAddress(2, 0, 0, 0, 0, 2)

  @Test func ethernetFields() {
    let bytes = Packets.ping
    guard let frame = Ethernet(bytes.raw) else { return missing("Ethernet") }
    equal(frame.destination, second)
    equal(frame.source, first)
    equal(frame.etherType, .ipv4)
    equal(array(frame.payload), Array(bytes[14...]))
  }

  @Test func ethernetSetters() {
    var bytes = [UInt8](repeating: 0xFF, count: 16)
    write(&bytes) { span in
      guard var frame = Ethernet(span) else { return missing("Ethernet") }
      frame.destination = MACAddress(1, 2, 3, 4, 5, 6)
      frame.source = MACAddress(7, 8, 9, 10, 11, 12)
      frame.etherType = .ipv6
      equal(frame.destination, MACAddress(1, 2, 3, 4, 5, 6))
      equal(frame.source, MACAddress(7, 8, 9, 10, 11, 12))
      equal(frame.etherType, .ipv6)
    }
    equal(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xDD, 0xFF, 0xFF])
  }

  @Test func ethernetSwap() {
    var bytes: [UInt8] = Array(1...20)
    write(&bytes) { span in
      guard var frame = Ethernet(span) else { return missing("Ethernet") }
      frame.swapAddresses()
    }
    equal(bytes, [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 13, 14, 15, 16, 17, 18, 19, 20])
  }

  @Test func ethernetMutablePayload() {
    var bytes = [UInt8](repeating: 0, count: 17)
    write(&bytes) { span in
      guard var frame = Ethernet(span) else { return missing("Ethernet") }
      equal(frame.mutablePayload.byteCount, 3)
      var payload = frame.mutablePayload
      payload.storeBytes(of: 9, toByteOffset: 0, as: UInt8.self)
    }
    equal(bytes, [UInt8](repeating: 0, count: 14) + [9, 0, 0])
  }

  @Test func vlanFields() {
    let bytes = Packets.dnsInVLAN
    guard let tag = VLAN(frame: bytes.raw) else { return missing("VLAN") }
    equal(tag.identifier, 100)
    equal(tag.priority, 5)
    equal(tag.isDropEligible, false)
    equal(tag.etherType, .ipv4)
    equal(array(tag.payload), Array(bytes[18...]))
    equal(VLAN(frame: Packets.ping.raw) == nil, true)
  }

  @Test func stackedVLANs() {
    let bytes = Packets.udpInTwoVLANs
    guard let outer = VLAN(frame: bytes.raw) else { return missing("outer VLAN") }
    equal(outer.identifier, 4000)
    equal(outer.priority, 3)
    equal(outer.isDropEligible, true)
    equal(outer.etherType, .vlan)
    guard let inner = VLAN(outer.payload) else { return missing("inner VLAN") }
    equal(inner.identifier, 200)
    equal(inner.priority, 0)
    equal(inner.isDropEligible, false)
    equal(inner.etherType, .ipv4)
  }

  @Test func linkLayerSkipsTags() {
    let plain = LinkLayer(frame: Packets.ping.raw)
    equal(plain?.byteCount, 14)
    equal(plain?.etherType, .ipv4)
    equal(plain?.vlans, 0)
    let double = LinkLayer(frame: Packets.udpInTwoVLANs.raw)
    equal(double?.byteCount, 22)
    equal(double?.etherType, .ipv4)
    equal(double?.vlans, 4000 << 16 | 200)
  }

  @Test(arguments: 0...6)
  func tagsUpToTheBound(_ tags: Int) {
    var bytes = [UInt8](repeating: 0, count: 12)
    for tag in 0..<tags { bytes += [0x81, 0x00, 0xF0, UInt8(tag + 1)] }
    bytes += [0x08, 0x00]
    let link = LinkLayer(frame: bytes.raw)
    if tags > LinkLayer.maximumTags {
      equal(link, nil)
    } else {
      equal(link?.byteCount, 14 + 4 * tags)
      equal(link?.vlans, (0..<tags).reduce(UInt64(0)) { $0 << 16 | UInt64($1 + 1) })
    }
  }

  @Test func vlanSetters() {
    for fill in [UInt8(0x00), 0xFF] {
      var bytes = [UInt8](repeating: fill, count: 6)
      write(&bytes) { span in
        guard var tag = VLAN(span) else { return missing("VLAN") }
        let before = (tag.identifier, tag.priority, tag.isDropEligible)
        tag.identifier = 0x123
        equal(tag.priority, before.1)
        equal(tag.isDropEligible, before.2)
        tag.priority = 5
        equal(tag.identifier, 0x123)
        tag.isDropEligible.toggle()
        equal(tag.isDropEligible, !before.2)
        tag.etherType = .arp
        equal(tag.mutablePayload.byteCount, 2)
      }
      equal(bytes, [fill == 0 ? 0xB1 : 0xA1, 0x23, 0x08, 0x06, fill, fill])
    }
  }

  @Test func arpFields() {
    guard let arp = ARP(frame: Packets.arpRequest.raw) else { return missing("ARP") }
    equal(arp.operation, .request)
    equal(arp.senderMAC, first)
    equal(arp.senderIP, IPv4Address(10, 0, 0, 1))
    equal(arp.targetMAC, MACAddress(rawValue: 0))
    equal(arp.targetIP, IPv4Address(10, 0, 0, 2))
  }

  @Test func arpReplyInPlace() {
    var bytes = Packets.arpRequest
    write(&bytes) { span in
      guard var arp = ARP(frame: span) else { return missing("ARP") }
      arp.reply(from: second)
    }
    let reply: [UInt8] = [
      0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1,
    ]
    equal(bytes, Packets.arpRequest[..<14] + reply + [UInt8](repeating: 0, count: 18))
  }

  @Test func arpSetters() {
    var bytes = Packets.arpRequest
    write(&bytes) { span in
      guard var arp = ARP(frame: span) else { return missing("ARP") }
      arp.operation = ARPOperation(rawValue: 0x0102)
      arp.senderMAC = MACAddress(3, 4, 5, 6, 7, 8)
      arp.senderIP = IPv4Address(9, 10, 11, 12)
      arp.targetMAC = MACAddress(13, 14, 15, 16, 17, 18)
      arp.targetIP = IPv4Address(19, 20, 21, 22)
    }
    equal(Array(bytes[20..<42]), Array(1...22))
  }

  @Test(arguments: 0..<6)
  func arpAboutSomethingElse(_ offset: Int) {
    var bytes = Packets.arpRequest
    bytes[14 + offset] ^= 1
    equal(ARP(frame: bytes.raw) == nil, true)
  }
}

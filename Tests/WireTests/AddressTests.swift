import Testing
import Wire

@Suite struct AddressTests {
  @Test(arguments: ["0.0.0.0", "10.0.0.1", "127.0.0.1", "192.168.100.250", "255.255.255.255"])
  func ipv4TextThereAndBack(_ text: String) throws {
    #expect(try #require(IPv4Address(text)).description == text)
  }

  @Test func ipv4Value() {
    #expect(IPv4Address("10.1.2.3")?.rawValue == 0x0A01_0203)
    #expect(IPv4Address(10, 1, 2, 3).rawValue == 0x0A01_0203)
    #expect(IPv4Address(224, 0, 0, 1).isMulticast && IPv4Address(239, 0, 0, 1).isMulticast)
    #expect(!IPv4Address(223, 0, 0, 1).isMulticast && !IPv4Address(240, 0, 0, 1).isMulticast)
    #expect(IPv4Address.loopback.isLoopback && !IPv4Address(128, 0, 0, 1).isLoopback)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.00", "1..3.4", ".1.2.3.4",
    "1.2.3.4.", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d", "-1.2.3.4", "+1.2.3.4", "1.2.3.0x4", "1.2.3.٤",
    "1.2.3.4/24", "1000.2.3.4", "99999999999999999999.1.1.1",
  ])
  func ipv4TextThatIsNone(_ text: String) {
    #expect(IPv4Address(text) == nil)
  }

  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:db8::1", "2001:db8::1"),
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:0db8::0001", "2001:db8::1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("fe80::a:b:c:d", "fe80::a:b:c:d"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("::FFFF:0A00:0001", "::ffff:10.0.0.1"),
    ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("0:0:1::", "0:0:1::"), ("1:0:0:0:0:0:0:0", "1::"),
  ])
  func ipv6TextAndItsCanonicalForm(_ text: String, _ canonical: String) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.description == canonical)
    #expect(IPv6Address(canonical) == address)
  }

  @Test func ipv6Value() {
    let address = IPv6Address("2001:db8:1:2:3:4:5:6")
    #expect(address == IPv6Address(high: 0x2001_0DB8_0001_0002, low: 0x0003_0004_0005_0006))
    #expect(IPv6Address("ff02::1")?.isMulticast == true)
    #expect(IPv6Address("fe80::1")?.isLinkLocal == true)
    #expect(IPv6Address("febf::1")?.isLinkLocal == true)
    #expect(IPv6Address("fec0::1")?.isLinkLocal == false)
    #expect(IPv6Address(mapping: .loopback).mapped == .loopback)
    #expect(IPv6Address.loopback.mapped == nil)
  }

  @Test(arguments: [
    "", ":", ":::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:", ":1::2", "1::2:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::",
    "g::", "::1%eth0", "::1/64", " ::1", "::1 ", "::1.2.3", "::1.2.3.256", "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1:::2", "::-1", "::+1", "[::1]", "1.2.3.4",
  ])
  func ipv6TextThatIsNone(_ text: String) {
    #expect(IPv6Address(text) == nil)
  }

  @Test func ipv6RandomThereAndBack() {
    var random = Generator(state: 5952)
    for _ in 0..<2_000 {
      // Mostly zero groups: those are what the short form is about.
      let mask = random.next() & random.next()
      var halves: [UInt64] = [0, 0]
      for group in 0..<8 where mask >> UInt64(group) & 1 != 0 {
        halves[group / 4] |= (random.next() & 0xFFFF) << UInt64(16 * (group % 4))
      }
      let address = IPv6Address(high: halves[0], low: halves[1])
      #expect(IPv6Address(address.description) == address)
    }
  }

  @Test func macText() throws {
    let address = try #require(MACAddress("02:1a:FF:00:09:e0"))
    #expect(address == MACAddress(0x02, 0x1A, 0xFF, 0x00, 0x09, 0xE0))
    #expect(address.rawValue == 0x021A_FF00_09E0)
    #expect(address.description == "02:1a:ff:00:09:e0")
    #expect(MACAddress("02-1A-FF-00-09-E0") == address)
    #expect(MACAddress(rawValue: .max) == .broadcast)
  }

  @Test(arguments: [
    "", "02", "02:1a:ff:00:09", "02:1a:ff:00:09:e0:", "02:1a:ff:00:09:e0:11", "2:1a:ff:00:09:e0",
    "02:1a:ff:00:09:g0", "02-1a:ff-00:09-e0", "021aff0009e0", "02 1a ff 00 09 e0",
    "02:1a:ff:00:09:e", " 2:1a:ff:00:09:e0", ":::::::::::::::::",
  ])
  func macTextThatIsNone(_ text: String) {
    #expect(MACAddress(text) == nil)
  }

  @Test func macKinds() {
    #expect(MACAddress.broadcast.isBroadcast && MACAddress.broadcast.isMulticast)
    #expect(MACAddress(1, 0, 0x5E, 0, 0, 1).isMulticast)
    #expect(!MACAddress(2, 0, 0, 0, 0, 1).isMulticast && MACAddress(2, 0, 0, 0, 0, 1).isLocal)
    #expect(!MACAddress(0, 1, 1, 1, 1, 1).isMulticast && !MACAddress(1, 0, 0, 0, 0, 1).isLocal)
  }

  @Test func namesOfNumbers() {
    #expect(EtherType.ipv6.description == "IPv6")
    #expect(EtherType(rawValue: 0x0042).description == "0x0042")
    #expect(EtherType(rawValue: 0).description == "0x0000")
    #expect(EtherType(rawValue: 1535).isLength && !EtherType(rawValue: 1536).isLength)
    #expect(IPProtocol.tcp.description == "TCP" && IPProtocol(rawValue: 253).description == "253")
  }
}

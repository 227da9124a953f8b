import MartletTestKit
import Testing

@Suite struct PacketBuilderTests {
  private let builder = PacketBuilder()

  @Test("A UDP datagram, byte for byte, with checksums worked out by hand")
  func udp() {
    #expect(
      builder.udp(payload: [0xAB]) == [
        0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00,
        0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0xF6, 0xCC, 192, 0, 2, 1, 192, 0, 2, 2,
        0x03, 0xE9, 0x03, 0xEA, 0, 9, 0xC9, 0x04, 0xAB,
      ])
  }

  @Test("An ARP request and its reply")
  func arp() {
    let request = builder.arpRequest()
    #expect(request.prefix(6) == [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    #expect(
      request.dropFirst(12) == [
        0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1, 0x02, 0, 0, 0, 0, 1, 192, 0, 2, 1,
        0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
      ])
    let reply = builder.reversed.arpReply()
    #expect(reply.prefix(6) == [0x02, 0, 0, 0, 0, 1])
    #expect(reply[20...21] == [0, 2])
    #expect(reply[22..<28] == [0x02, 0, 0, 0, 0, 2])
  }

  @Test("VLAN tags stand in front of the EtherType, outermost first")
  func vlan() {
    var tagged = builder
    tagged.vlanTags = [0xE005, 7]
    #expect(tagged.udp()[12..<22] == [0x81, 0, 0xE0, 5, 0x81, 0, 0, 7, 0x08, 0])
    #expect(tagged.udp().dropFirst(20) == builder.udp().dropFirst(12))
  }

  @Test("IPv4 headers sum up to nothing, whatever is in them")
  func headerChecksum() {
    for number in UInt16(0)..<300 {
      var other = builder
      other.identification = number * 211
      other.timeToLive = UInt8(number % 256)
      let frame = other.udp(payload: [UInt8](repeating: 1, count: Int(number)))
      #expect(internetChecksum(Array(frame[14..<34])) == 0)
    }
  }

  @Test("A UDP checksum that comes out as 0 is sent as 0xFFFF", arguments: [false, true])
  func zeroChecksum(isVersion6: Bool) throws {
    var other = builder
    other.version = isVersion6 ? .v6 : .v4
    let start = isVersion6 ? 54 : 34
    // The first payload word that makes the sum come out as 0: it is the checksum without it.
    let sum = other.udp(payload: [0, 0])[(start + 6)...(start + 7)]
    let frame = other.udp(payload: Array(sum))
    #expect(frame[(start + 6)...(start + 7)] == [0xFF, 0xFF])
  }

  @Test("IPv6 carries the length without its header and the hop limit")
  func version6() {
    var other = builder
    other.version = .v6
    let frame = other.udp(payload: [1, 2, 3])
    #expect(frame[12..<22] == [0x86, 0xDD, 0x60, 0, 0, 0, 0, 11, 17, 64])
    #expect(frame[22..<38] == other.source.ipv6[...])
    #expect(frame[38..<54] == other.destination.ipv6[...])
    #expect(frame.count == 54 + 11)
  }

  @Test("The kernel takes the checksums of every protocol for right", arguments: namespaceCases)
  func kernelAgrees(_ version: PacketBuilder.Version) async throws {
    try await withNetworkNamespace(ipv6: true) {
      let pair = try VethPair("left", "right") { $0.nearAddress = "192.0.2.2/24" }
      try assignAddress("2001:db8::2/64", to: pair.near)
      let tap = try PacketTap(pair.far)
      var builder = PacketBuilder()
      builder.version = version
      builder.destination.mac = try macAddress(pair.near)
      for (address, family) in [("192.0.2.1", "-4"), ("2001:db8::1", "-6")] {
        let mac = "02:00:00:00:00:01"
        try runProgram(
          ["ip", family, "neighbour", "add", address, "lladdr", mac, "dev", pair.near])
      }
      // The kernel answers a right echo request, resets a right SYN and refuses a right datagram;
      // a wrong checksum it drops.
      let payload: [UInt8] = [1, 2, 3]
      try tap.send([
        builder.icmpEcho(payload: payload), builder.tcp(sequence: 9, flags: 2),
        builder.udp(payload: payload),
      ])
      let answer = builder.reversed
      let protocolAt = version == .v4 ? 23 : 20
      let answers = try tap.receive(3, timeout: .seconds(5)) {
        $0.prefix(6) == builder.source.mac[...] && [1, 6, 58].contains($0[protocolAt])
      }
      #expect(answers.count == 3)
      let echo = answer.icmpEcho(reply: true, payload: payload)
      #expect(answers.first?.suffix(11) == echo.suffix(11), "the echo reply, with its checksum")
      let reset = answer.tcp(acknowledgement: 10, flags: 0x14, window: 0)
      #expect(answers.dropFirst().first?.suffix(20) == reset.suffix(20), "the reset")
    }
  }
}

/// Both versions where the kernel lane can run, none elsewhere.
private let namespaceCases =
  KernelFeature.namespaces.isExpected ? PacketBuilder.Version.allCases : []

private func macAddress(_ interface: String) throws -> [UInt8] {
  let words = try runProgram(["ip", "-o", "link", "show", "dev", interface]).split(separator: " ")
  let place = words.firstIndex(of: "link/ether").map { words[$0 + 1] } ?? ""
  return place.split(separator: ":").compactMap { UInt8($0, radix: 16) }
}

import Testing
import Wire

/// UDP and TCP.
@Suite struct TransportTests {
  @Test func udpFields() {
    let bytes = Packets.dnsInVLAN
    guard let udp = UDP(frame: bytes.raw) else { return missing("UDP") }
    equal(udp.sourcePort, 40000)
    equal(udp.destinationPort, 53)
    equal(udp.length, 30)
    equal(udp.checksum, 0xBA8D)
    equal(array(udp.payload), Array(bytes[46...]))
  }

  @Test(arguments: ["dnsInVLAN", "udpInTwoVLANs", "udpBehindExtensions", "udpZeroSum"])
  func udpChecksum(_ name: String) {
    for (found, original) in Packets.all where found == name {
      guard let pseudo = PseudoHeader(frame: original.raw) else { return missing("pseudo") }
      for change in [0, 1, 2] {
        var bytes = original
        // The last byte, then the destination port: both are covered.
        if change == 1 { bytes[bytes.count - 1] ^= 0x40 }
        if change == 2 {
          write(&bytes) { span in
            guard var udp = UDP(frame: span) else { return missing("UDP") }
            udp.destinationPort ^= 0x0101
          }
        }
        guard let udp = UDP(frame: bytes.raw) else { return missing("UDP") }
        equal(udp.isChecksumValid(pseudo), change == 0)
      }
      var bytes = original
      write(&bytes) { span in
        guard var udp = UDP(frame: span) else { return missing("UDP") }
        udp.checksum = 0x1234
        udp.updateChecksum(pseudo)
      }
      equal(bytes, original)
    }
  }

  @Test func udpChecksumCoversAddresses() {
    var bytes = Packets.dnsInVLAN
    bytes[33] ^= 1
    guard let pseudo = PseudoHeader(frame: bytes.raw), let udp = UDP(frame: bytes.raw) else {
      return missing("UDP")
    }
    equal(udp.isChecksumValid(pseudo), false)
  }

  @Test func udpWithoutChecksum() {
    for (original, isAllowed) in [
      (Packets.dnsInVLAN, true), (Packets.udpBehindExtensions, false),
    ] {
      var bytes = original
      write(&bytes) { span in
        guard var udp = UDP(frame: span) else { return missing("UDP") }
        udp.checksum = 0
      }
      guard let pseudo = PseudoHeader(frame: bytes.raw), let udp = UDP(frame: bytes.raw) else {
        return missing("UDP")
      }
      equal(udp.isChecksumValid(pseudo), isAllowed)
    }
  }

  @Test func udpLengths() {
    // Ten bytes of room: 8 to 10 can be.
    for length in 0...12 {
      let bytes: [UInt8] = [0, 1, 0, 2, 0, UInt8(length), 0, 0, 0xAA, 0xBB]
      guard let udp = UDP(bytes.raw) else {
        equal((8...10).contains(length), false)
        continue
      }
      equal(udp.length, length)
      equal(udp.payload.byteCount, length - 8)
    }
  }

  @Test func udpSetters() {
    var bytes: [UInt8] = [0, 0, 0, 0, 0, 9, 0, 0, 0xAA, 0xBB]
    write(&bytes) { span in
      guard var udp = UDP(span) else { return missing("UDP") }
      udp.sourcePort = 0x0102
      udp.destinationPort = 0x0304
      udp.checksum = 0x0506
      equal(udp.sourcePort, 0x0102)
      equal(udp.destinationPort, 0x0304)
      equal(udp.checksum, 0x0506)
      equal(udp.mutablePayload.byteCount, 1)
    }
    equal(bytes, [1, 2, 3, 4, 0, 9, 5, 6, 0xAA, 0xBB])
    write(&bytes) { span in
      guard var udp = UDP(span) else { return missing("UDP") }
      udp.swapPorts()
    }
    equal(bytes, [3, 4, 1, 2, 0, 9, 5, 6, 0xAA, 0xBB])
  }

  @Test func tcpFields() {
    let bytes = Packets.tcpSYN
    guard let tcp = TCP(frame: bytes.raw) else { return missing("TCP") }
    equal(tcp.sourcePort, 51000)
    equal(tcp.destinationPort, 443)
    equal(tcp.sequence, 0xDEAD_BEEF)
    equal(tcp.acknowledgment, 0)
    equal(tcp.headerByteCount, 40)
    equal(tcp.flags, .syn)
    equal(tcp.window, 64240)
    equal(tcp.checksum, 0xF039)
    equal(tcp.urgentPointer, 0)
    equal(array(tcp.options), Array(bytes[54...]))
    equal(tcp.maximumSegmentSize, 1460)
    equal(tcp.windowScale, 7)
    equal(tcp.option(4)?.byteCount, 0)
    guard let timestamps = tcp.option(8) else { return missing("timestamps") }
    equal(array(timestamps), [0, 1, 0xE2, 0x40, 0, 0, 0, 0])
    equal(tcp.option(5) == nil, true)
    equal(tcp.payload.byteCount, 0)
  }

  @Test func tcpOverIPv6Fields() {
    let bytes = Packets.tcpOverIPv6
    guard let tcp = TCP(frame: bytes.raw) else { return missing("TCP") }
    equal(tcp.sequence, 0x0102_0304)
    equal(tcp.acknowledgment, 0x0A0B_0C0D)
    equal(tcp.flags, [.ack, .psh])
    equal(tcp.headerByteCount, 20)
    equal(tcp.maximumSegmentSize, nil)
    equal(array(tcp.payload), Array("GET / HTTP/1.1\r\n".utf8))
  }

  @Test func tcpChecksum() {
    for original in [Packets.tcpSYN, Packets.tcpOverIPv6] {
      guard let pseudo = PseudoHeader(frame: original.raw) else { return missing("pseudo") }
      guard let tcp = TCP(frame: original.raw) else { return missing("TCP") }
      equal(tcp.isChecksumValid(pseudo), true)
      var changed = original
      changed[changed.count - 1] ^= 1
      guard let broken = TCP(frame: changed.raw) else { return missing("TCP") }
      equal(broken.isChecksumValid(pseudo), false)
      var bytes = original
      write(&bytes) { span in
        guard var tcp = TCP(frame: span) else { return missing("TCP") }
        tcp.checksum = 0x5555
        tcp.updateChecksum(pseudo)
      }
      equal(bytes, original)
    }
  }

  @Test func tcpDataOffsets() {
    let bytes = Array(Packets.tcpSYN[34...])
    for words in 0..<16 {
      var changed = bytes
      changed[12] = UInt8(words << 4)
      equal(TCP(changed.raw)?.headerByteCount, (5...10).contains(words) ? words * 4 : nil)
    }
  }

  @Test func tcpBrokenOptions() {
    /// The maximum segment size that is found in eight bytes of options.
    func size(_ options: [UInt8]) -> UInt16? {
      var bytes = [UInt8](repeating: 0, count: 20) + options + [2, 4, 9, 9]
      bytes[12] = 0x70
      return TCP(bytes.raw)?.maximumSegmentSize
    }
    equal(size([1, 1, 1, 1, 2, 4, 1, 2]), 0x0102)
    equal(size([2, 4, 1, 2, 0, 0, 0, 0]), 0x0102)
    equal(size([0, 2, 2, 4, 1, 2, 1, 1]), nil)  // The list has ended.
    equal(size([9, 0, 0, 0, 2, 4, 1, 2]), nil)  // A length of 0 would go nowhere.
    equal(size([9, 1, 0, 0, 2, 4, 1, 2]), nil)
    equal(size([9, 4, 0, 0, 2, 4, 1, 2]), 0x0102)
    equal(size([9, 9, 0, 0, 2, 4, 1, 2]), nil)  // Beyond the header.
    equal(size([1, 1, 1, 1, 1, 1, 1, 2]), nil)  // A kind without a length.
    equal(size([1, 1, 1, 1, 1, 1, 2, 4]), nil)  // The value would be payload.
    equal(size([2, 3, 1, 1, 1, 1, 1, 1]), nil)  // A size of one byte.
  }

  @Test func tcpSetters() {
    var bytes = [UInt8](repeating: 0, count: 21)
    bytes[12] = 0x50
    write(&bytes) { span in
      guard var tcp = TCP(span) else { return missing("TCP") }
      tcp.sourcePort = 0x0102
      tcp.destinationPort = 0x0304
      tcp.sequence = 0x0506_0708
      tcp.acknowledgment = 0x090A_0B0C
      tcp.flags = [.syn, .cwr]
      tcp.window = 0x0D0E
      tcp.checksum = 0x0F10
      tcp.urgentPointer = 0x1112
      equal(tcp.sourcePort, 0x0102)
      equal(tcp.destinationPort, 0x0304)
      equal(tcp.sequence, 0x0506_0708)
      equal(tcp.acknowledgment, 0x090A_0B0C)
      equal(tcp.flags, [.syn, .cwr])
      equal(tcp.window, 0x0D0E)
      equal(tcp.checksum, 0x0F10)
      equal(tcp.urgentPointer, 0x1112)
      equal(tcp.mutablePayload.byteCount, 1)
    }
    equal(Array(bytes[..<12]), Array(1...12))
    equal(Array(bytes[12...]), [0x50, 0x82, 13, 14, 15, 16, 17, 18, 0])
    write(&bytes) { span in
      guard var tcp = TCP(span) else { return missing("TCP") }
      tcp.swapPorts()
    }
    equal(Array(bytes[..<5]), [3, 4, 1, 2, 5])
  }
}

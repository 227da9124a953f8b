import Testing
import Wire

/// ICMP for both versions of IP.
@Suite struct ICMPTests {
  @Test func fields() {
    let bytes = Packets.ping
    guard let icmp = ICMP(frame: bytes.raw) else { return missing("ICMP") }
    equal(icmp.type, .echoRequest)
    equal(icmp.code, 0)
    equal(icmp.checksum, 0x173E)
    equal(icmp.isChecksumValid, true)
    equal(icmp.identifier, 0x0B0B)
    equal(icmp.sequence, 7)
    equal(array(icmp.payload), Array("ping pong".utf8))
    equal(ICMPv6(frame: bytes.raw) == nil, true)
  }

  @Test func fieldsOverIPv6() {
    let bytes = Packets.pingOverIPv6
    guard let icmp = ICMPv6(frame: bytes.raw), let pseudo = PseudoHeader(frame: bytes.raw)
    else { return missing("ICMPv6") }
    equal(icmp.type, .echoRequest)
    equal(icmp.code, 0)
    equal(icmp.checksum, 0x8EA4)
    equal(icmp.isChecksumValid(pseudo), true)
    equal(icmp.identifier, 0x0102)
    equal(icmp.sequence, 0x0304)
    equal(array(icmp.payload), Array("abcdefgh".utf8))
    equal(ICMP(frame: bytes.raw) == nil, true)
  }

  @Test func eachProtocolBelongsToItsOwnVersion() {
    var bytes = Packets.ping
    bytes[23] = IPProtocol.icmpv6.rawValue
    equal(ICMPv6(frame: bytes.raw) == nil, true)
    var six = Packets.pingOverIPv6
    six[20] = IPProtocol.icmp.rawValue
    equal(ICMP(frame: six.raw) == nil, true)
  }

  /// Long enough for a header, but these bytes are from the middle of a packet.
  @Test func fragmentsAreNone() {
    var bytes = Packets.laterFragment
    bytes[23] = IPProtocol.icmp.rawValue
    equal(ICMP(frame: bytes.raw) == nil, true)
    var whole = bytes
    whole[20] = 0
    whole[21] = 0
    equal(ICMP(frame: whole.raw) == nil, false)
  }

  @Test func aWrongByteIsSeen() {
    var bytes = Packets.ping
    bytes[50] ^= 1
    guard let icmp = ICMP(frame: bytes.raw) else { return missing("ICMP") }
    equal(icmp.isChecksumValid, false)
    var six = Packets.pingOverIPv6
    six[69] ^= 1
    guard let other = ICMPv6(frame: six.raw), let pseudo = PseudoHeader(frame: six.raw)
    else { return missing("ICMPv6") }
    equal(other.isChecksumValid(pseudo), false)
  }

  @Test func replyInPlace() {
    var bytes = Packets.ping
    write(&bytes) { span in
      guard var icmp = ICMP(frame: span) else { return missing("ICMP") }
      equal(icmp.replyToEcho(), true)
      equal(icmp.type, .echoReply)
      equal(icmp.isChecksumValid, true)
      equal(icmp.replyToEcho(), false)
    }
    // Only type and checksum changed.
    equal(bytes, Packets.ping[..<34] + [0, 0, 0x1F, 0x3E] + Packets.ping[38...])
  }

  @Test func replyInPlaceOverIPv6() {
    var bytes = Packets.pingOverIPv6
    let original = bytes
    guard let pseudo = PseudoHeader(frame: original.raw) else { return missing("pseudo") }
    write(&bytes) { span in
      guard var icmp = ICMPv6(frame: span) else { return missing("ICMPv6") }
      equal(icmp.replyToEcho(), true)
      equal(icmp.type, .echoReply)
      equal(icmp.isChecksumValid(pseudo), true)
      equal(icmp.replyToEcho(), false)
    }
    equal(bytes, original[..<54] + [0x81, 0, 0x8D, 0xA4] + original[58...])
  }

  @Test func setters() {
    var bytes = [UInt8](repeating: 0, count: 9)
    write(&bytes) { span in
      guard var icmp = ICMP(span) else { return missing("ICMP") }
      icmp.type = .timeExceeded
      icmp.code = 1
      icmp.checksum = 0x0203
      icmp.identifier = 0x0405
      icmp.sequence = 0x0607
      equal(icmp.type, .timeExceeded)
      equal(icmp.code, 1)
      equal(icmp.checksum, 0x0203)
      equal(icmp.identifier, 0x0405)
      equal(icmp.sequence, 0x0607)
      equal(icmp.mutablePayload.byteCount, 1)
    }
    equal(bytes, [11, 1, 2, 3, 4, 5, 6, 7, 0])
  }

  @Test func settersOverIPv6() {
    var bytes = [UInt8](repeating: 0, count: 9)
    write(&bytes) { span in
      guard var icmp = ICMPv6(span) else { return missing("ICMPv6") }
      icmp.type = .neighborSolicitation
      icmp.code = 1
      icmp.checksum = 0x0203
      icmp.identifier = 0x0405
      icmp.sequence = 0x0607
      equal(icmp.type, .neighborSolicitation)
      equal(icmp.code, 1)
      equal(icmp.checksum, 0x0203)
      equal(icmp.identifier, 0x0405)
      equal(icmp.sequence, 0x0607)
      equal(icmp.mutablePayload.byteCount, 1)
    }
    equal(bytes, [135, 1, 2, 3, 4, 5, 6, 7, 0])
  }

  @Test func updateChecksum() {
    var bytes = Packets.ping
    write(&bytes) { span in
      guard var icmp = ICMP(frame: span) else { return missing("ICMP") }
      icmp.checksum = 0xFFFF
      icmp.updateChecksum()
    }
    equal(bytes, Packets.ping)
    var six = Packets.pingOverIPv6
    guard let pseudo = PseudoHeader(frame: Packets.pingOverIPv6.raw) else {
      return missing("pseudo")
    }
    write(&six) { span in
      guard var icmp = ICMPv6(frame: span) else { return missing("ICMPv6") }
      icmp.checksum = 0xFFFF
      icmp.updateChecksum(pseudo)
    }
    equal(six, Packets.pingOverIPv6)
  }
}

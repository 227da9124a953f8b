import Testing
import Wire

/// Packets as an application meets them: a value that hands out views tied to itself.
@Suite struct PacketTests {
  /// Stands in for a received packet: bytes that can be written while it is borrowed exclusively.
  struct Packet: ~Copyable, ~Escapable {
    var bytes: MutableRawSpan

    @_lifetime(copy bytes)
    init(_ bytes: consuming MutableRawSpan) { self.bytes = bytes }

    var ethernet: Ethernet<MutableRawSpan>? {
      @_lifetime(&self) mutating get { Ethernet(bytes._mutatingExtracting(...)) }
    }

    var ipv4: IPv4<MutableRawSpan>? {
      @_lifetime(&self) mutating get { IPv4(frame: bytes._mutatingExtracting(...)) }
    }

    var icmp: ICMP<MutableRawSpan>? {
      @_lifetime(&self) mutating get { ICMP(frame: bytes._mutatingExtracting(...)) }
    }

    var flow: FlowKey? { FlowKey(frame: bytes.bytes) }
  }

  enum Verdict { case forward, drop }

  /// Runs `body` as a forwarder would.
  func run(_ bytes: inout [UInt8], _ body: (inout Packet) -> Verdict) -> Verdict {
    write(&bytes) { span in
      var packet = Packet(span)
      return body(&packet)
    }
  }

  func route(_ bytes: inout [UInt8]) -> Verdict {
    run(&bytes) { packet in
      guard var ip = packet.ipv4 else { return .forward }
      guard ip.timeToLive > 1 else { return .drop }
      ip.decrementTimeToLive()
      return .forward
    }
  }

  @Test func routerLoop() {
    var arp = Packets.arpRequest
    equal(route(&arp), .forward)
    equal(arp, Packets.arpRequest)
    var expiring = Packets.igmpWithOptions
    equal(route(&expiring), .drop)
    equal(expiring, Packets.igmpWithOptions)
    var ping = Packets.ping
    equal(route(&ping), .forward)
    equal(Array(ping[22..<26]), [63, 1, 0x15, 0xA2])
    equal(Array(ping[..<22] + ping[26...]), Array(Packets.ping[..<22] + Packets.ping[26...]))
  }

  @Test func echoAnswersInPlace() {
    var bytes = Packets.ping
    let verdict = run(&bytes) { packet in
      guard var icmp = packet.icmp, icmp.replyToEcho() else { return .drop }
      guard var ip = packet.ipv4 else { return .drop }
      ip.swapAddresses()
      guard var ethernet = packet.ethernet else { return .drop }
      ethernet.swapAddresses()
      return .forward
    }
    equal(verdict, .forward)
    guard let ip = IPv4(frame: bytes.raw), let icmp = ICMP(frame: bytes.raw) else {
      return missing("reply")
    }
    equal(ip.isChecksumValid && icmp.isChecksumValid, true)
    equal(icmp.type, .echoReply)
    equal(ip.source, IPv4Address(10, 0, 0, 2))
    equal(Ethernet(bytes.raw)?.destination, MACAddress(2, 0, 0, 0, 0, 1))
  }

  /// Network address translation: an upper view over the payload of the one below, to write.
  @Test func viewsOverMutablePayloads() {
    var bytes = Packets.dnsInVLAN
    write(&bytes) { span in
      guard var ip = IPv4(frame: span) else { return missing("IPv4") }
      let old = ip.source
      ip.source = IPv4Address(192, 168, 7, 9)
      let new = ip.source
      ip.updateChecksum()
      guard var udp = UDP(ip.mutablePayload) else { return missing("UDP") }
      udp.checksum = Checksum.updated(udp.checksum, replacing: old, with: new)
    }
    guard let ip = IPv4(frame: bytes.raw), let udp = UDP(ip.payload) else {
      return missing("UDP")
    }
    equal(ip.isChecksumValid, true)
    equal(udp.isChecksumValid(ip.pseudoHeader), true)
  }

  @Test func flowThroughABorrow() {
    var bytes = Packets.dnsInVLAN
    let verdict = run(&bytes) { packet in packet.flow?.vlans == 100 ? .forward : .drop }
    equal(verdict, .forward)
  }

  @Test func readOnlyViewsAreCopyable() {
    let bytes = Packets.ping
    guard let ip = IPv4(frame: bytes.raw) else { return missing("IPv4") }
    let other = ip
    equal(other.source, ip.source)
  }
}

/// Makes whole Ethernet frames with right lengths and checksums, without the library's own header
/// views, so that the one can test the other.
///
/// Not for speed.
///
/// Set what matters to the test, then ask for a frame:
///
///     var builder = PacketBuilder()
///     builder.vlanTags = [5]
///     let frame = builder.udp(payload: Array("hello".utf8))
public struct PacketBuilder: Sendable {
  /// One side of a conversation.
  public struct Endpoint: Sendable, Hashable {
    /// Six bytes.
    public var mac: [UInt8]
    /// Four bytes.
    public var ipv4: [UInt8]
    /// Sixteen bytes.
    public var ipv6: [UInt8]
    /// UDP or TCP port.
    public var port: UInt16

    /// Host `number` of the documentation networks 192.0.2.0/24 and 2001:db8::/64.
    public init(host number: UInt8) {
      mac = [0x02, 0, 0, 0, 0, number]
      ipv4 = [192, 0, 2, number]
      ipv6 = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [number]
      port = 1000 + UInt16(number)
    }
  }

  /// The IP version below UDP, TCP and ICMP.
  public enum Version: Sendable, CaseIterable {
    /// IPv4 without options.
    case v4
    /// IPv6 without extension headers.
    case v6
  }

  /// Who sends.
  public var source = Endpoint(host: 1)
  /// To whom.
  public var destination = Endpoint(host: 2)
  /// VLAN tags (priority and identifier) from the outermost inwards, each behind EtherType 0x8100.
  public var vlanTags: [UInt16] = []
  /// IP version of UDP, TCP and ICMP.
  public var version = Version.v4
  /// Time to live, or hop limit.
  public var timeToLive: UInt8 = 64
  /// Identification of IPv4 headers.
  public var identification: UInt16 = 0

  /// Host 1 to host 2, IPv4, no VLAN tag.
  public init() {}

  /// The same conversation in the other direction.
  public var reversed: PacketBuilder {
    var other = self
    (other.source, other.destination) = (destination, source)
    return other
  }

  /// An Ethernet frame around `payload`, not padded to the 60 bytes of a real wire.
  public func ethernet(type: UInt16, payload: [UInt8]) -> [UInt8] {
    destination.mac + source.mac + vlanTags.flatMap { bytes(0x8100) + bytes($0) } + bytes(type)
      + payload
  }

  /// An ARP request: who has the destination's IPv4 address? Goes to the broadcast address.
  public func arpRequest() -> [UInt8] {
    var frame = self
    frame.destination.mac = [UInt8](repeating: 0xFF, count: 6)
    return frame.ethernet(
      type: 0x0806, payload: arp(operation: 1, target: [UInt8](repeating: 0, count: 6)))
  }

  /// An ARP reply: the source's IPv4 address is at the source's MAC address.
  public func arpReply() -> [UInt8] {
    ethernet(type: 0x0806, payload: arp(operation: 2, target: destination.mac))
  }

  /// An IPv4 or IPv6 packet around `payload`, whatever `version` says of the protocol inside.
  public func ip(protocolNumber: UInt8, payload: [UInt8]) -> [UInt8] {
    switch version {
    case .v4:
      let head =
        [0x45, 0] + bytes(UInt16(20 + payload.count)) + bytes(identification)
        + [0, 0, timeToLive, protocolNumber]
      let addresses = source.ipv4 + destination.ipv4
      let sum = internetChecksum(head + addresses)
      return ethernet(type: 0x0800, payload: head + bytes(sum) + addresses + payload)
    case .v6:
      let head = [0x60, 0, 0, 0] + bytes(UInt16(payload.count)) + [protocolNumber, timeToLive]
      return ethernet(type: 0x86DD, payload: head + source.ipv6 + destination.ipv6 + payload)
    }
  }

  /// A UDP datagram.
  public func udp(payload: [UInt8] = []) -> [UInt8] {
    let head = bytes(source.port) + bytes(destination.port) + bytes(UInt16(8 + payload.count))
    let sum = transportChecksum(17, head + [0, 0] + payload)
    return ip(protocolNumber: 17, payload: head + bytes(sum == 0 ? 0xFFFF : sum) + payload)
  }

  /// A TCP segment without options; `flags` is the flags byte (0x02 SYN, 0x10 ACK, ...).
  public func tcp(
    sequence: UInt32 = 0, acknowledgement: UInt32 = 0, flags: UInt8 = 0x10,
    window: UInt16 = 0xFFFF, payload: [UInt8] = []
  ) -> [UInt8] {
    let head =
      bytes(source.port) + bytes(destination.port) + longBytes(sequence)
      + longBytes(acknowledgement) + [5 << 4, flags] + bytes(window)
    let sum = transportChecksum(6, head + [0, 0, 0, 0] + payload)
    return ip(protocolNumber: 6, payload: head + bytes(sum) + [0, 0] + payload)
  }

  /// An ICMP or ICMPv6 echo request, or the reply to one.
  public func icmpEcho(
    reply: Bool = false, identifier: UInt16 = 1, sequence: UInt16 = 1, payload: [UInt8] = []
  ) -> [UInt8] {
    let rest = bytes(identifier) + bytes(sequence) + payload
    switch version {
    case .v4:
      let type: UInt8 = reply ? 0 : 8
      let sum = internetChecksum([type, 0, 0, 0] + rest)
      return ip(protocolNumber: 1, payload: [type, 0] + bytes(sum) + rest)
    case .v6:
      let type: UInt8 = reply ? 129 : 128
      let sum = transportChecksum(58, [type, 0, 0, 0] + rest)
      return ip(protocolNumber: 58, payload: [type, 0] + bytes(sum) + rest)
    }
  }

  private func arp(operation: UInt16, target: [UInt8]) -> [UInt8] {
    bytes(1) + bytes(0x0800) + [6, 4] + bytes(operation) + source.mac + source.ipv4 + target
      + destination.ipv4
  }

  /// The checksum over the pseudo header of either version and the segment, whose own field is 0.
  private func transportChecksum(_ number: UInt8, _ segment: [UInt8]) -> UInt16 {
    let addresses =
      version == .v4
      ? source.ipv4 + destination.ipv4 : source.ipv6 + destination.ipv6
    return internetChecksum(
      addresses + longBytes(UInt32(segment.count)) + longBytes(UInt32(number)) + segment)
  }
}

/// The Internet checksum (RFC 1071) of whole bytes: 0 over a message that carries its right
/// checksum.
public func internetChecksum(_ message: [UInt8]) -> UInt16 {
  var sum: UInt64 = 0
  for (index, byte) in message.enumerated() {
    sum += index.isMultiple(of: 2) ? UInt64(byte) << 8 : UInt64(byte)
  }
  while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
  return ~UInt16(sum)
}

/// Two bytes, most significant first.
private func bytes(_ number: UInt16) -> [UInt8] {
  [UInt8(number >> 8), UInt8(number & 0xFF)]
}

/// Four bytes, most significant first.
private func longBytes(_ number: UInt32) -> [UInt8] {
  bytes(UInt16(number >> 16)) + bytes(UInt16(number & 0xFFFF))
}

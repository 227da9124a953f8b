import Martlet

/// The UDP packet that `generate` sends: what is the same in every one of them.
struct Datagram {
  /// Ethernet, IPv4 and UDP headers together.
  static let headerByteCount = 14 + 20 + 8

  /// Bytes of the frame, from the MAC addresses on.
  var byteCount: Int
  var sourceMAC: MACAddress
  var destinationMAC: MACAddress
  var source: IPv4Address
  var destination: IPv4Address
  /// Source port of flow 0; flow i has the i-th after it.
  var sourcePort: UInt16
  var destinationPort: UInt16

  /// Writes the packet of a flow into a frame of `byteCount` bytes.
  func write(flow: Int, to frame: inout Frame, of engine: borrowing Engine) {
    var bytes = engine.mutableBytes(of: &frame)
    clear(&bytes)
    // What the header views want to see before they open: version and lengths.
    bytes.storeBytes(of: 0x45, toByteOffset: 14, as: UInt8.self)
    bytes.storeBytes(of: UInt16(byteCount - 14).bigEndian, toByteOffset: 16, as: UInt16.self)
    bytes.storeBytes(of: UInt16(byteCount - 34).bigEndian, toByteOffset: 38, as: UInt16.self)
    if var ethernet = Ethernet(bytes) { write(flow: flow, to: &ethernet) }
  }

  private func write(flow: Int, to ethernet: inout Ethernet<MutableRawSpan>) {
    ethernet.destination = destinationMAC
    ethernet.source = sourceMAC
    ethernet.etherType = .ipv4
    guard var ip = IPv4(ethernet.mutablePayload) else { return }
    ip.timeToLive = 64
    ip.dontFragment = true
    ip.ipProtocol = .udp
    ip.source = source
    ip.destination = destination
    ip.updateChecksum()
    let pseudoHeader = ip.pseudoHeader
    guard var udp = UDP(ip.mutablePayload) else { return }
    udp.sourcePort = sourcePort &+ UInt16(truncatingIfNeeded: flow)
    udp.destinationPort = destinationPort
    udp.updateChecksum(pseudoHeader)
  }

  /// The payload is zeros, and so is every field that nobody writes.
  private func clear(_ bytes: inout MutableRawSpan) {
    var offset = 0
    while offset &+ 8 <= byteCount {
      bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    while offset < byteCount {
      bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
      offset &+= 1
    }
  }
}

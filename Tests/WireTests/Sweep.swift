import Wire

/// What every view says about one frame: by view, its fields in order as text.
///
/// Fields that run to the end of the frame (payloads of Ethernet and VLAN) are read but left out.
func facts(_ frame: RawSpan) -> [String: [String]] {
  var facts: [String: [String]] = [:]
  if let ethernet = Ethernet(frame) {
    facts["Ethernet"] = [
      "\(ethernet.destination)", "\(ethernet.source)", "\(ethernet.etherType)",
    ]
  }
  if let tag = VLAN(frame: frame) {
    facts["VLAN"] = [
      "\(tag.identifier)", "\(tag.priority)", "\(tag.isDropEligible)", "\(tag.etherType)",
    ]
  }
  if let arp = ARP(frame: frame) {
    facts["ARP"] = [
      "\(arp.operation)", "\(arp.senderMAC)", "\(arp.senderIP)", "\(arp.targetMAC)",
      "\(arp.targetIP)",
    ]
  }
  if let ip = IPv4(frame: frame) { facts["IPv4"] = facts4(ip) }
  if let ip = IPv6(frame: frame) { facts["IPv6"] = facts6(ip) }
  if let icmp = ICMP(frame: frame) {
    facts["ICMP"] = [
      "\(icmp.type)", "\(icmp.code)", "\(icmp.checksum)", "\(icmp.isChecksumValid)",
      "\(icmp.identifier)", "\(icmp.sequence)", "\(array(icmp.payload))",
    ]
  }
  if let icmp = ICMPv6(frame: frame) {
    facts["ICMPv6"] = [
      "\(icmp.type)", "\(icmp.code)", "\(icmp.checksum)", "\(icmp.identifier)",
      "\(icmp.sequence)", "\(array(icmp.payload))",
    ]
  }
  if let udp = UDP(frame: frame) {
    facts["UDP"] = [
      "\(udp.sourcePort)", "\(udp.destinationPort)", "\(udp.length)", "\(udp.checksum)",
      "\(array(udp.payload))",
    ]
  }
  if let tcp = TCP(frame: frame) { facts["TCP"] = factsTCP(tcp) }
  if let key = FlowKey(frame: frame) { facts["FlowKey"] = ["\(key)"] }
  return facts
}

private func facts4(_ ip: IPv4<RawSpan>) -> [String] {
  [
    "\(ip.headerByteCount)", "\(ip.totalLength)", "\(ip.trafficClass)", "\(ip.identification)",
    "\(ip.dontFragment)", "\(String(describing: ip.fragment))", "\(ip.timeToLive)",
    "\(ip.ipProtocol)", "\(ip.checksum)", "\(ip.isChecksumValid)", "\(ip.source)",
    "\(ip.destination)", "\(array(ip.options))", "\(array(ip.payload))",
  ]
}

private func facts6(_ ip: IPv6<RawSpan>) -> [String] {
  [
    "\(ip.trafficClass)", "\(ip.flowLabel)", "\(ip.payloadLength)", "\(ip.nextHeader)",
    "\(ip.hopLimit)", "\(ip.source)", "\(ip.destination)", "\(array(ip.payload))",
    "\(String(describing: ip.fragment))", "\(String(describing: ip.upperLayer))",
  ]
}

private func factsTCP(_ tcp: TCP<RawSpan>) -> [String] {
  [
    "\(tcp.sourcePort)", "\(tcp.destinationPort)", "\(tcp.sequence)", "\(tcp.acknowledgment)",
    "\(tcp.headerByteCount)", "\(tcp.flags)", "\(tcp.window)", "\(tcp.checksum)",
    "\(tcp.urgentPointer)", "\(array(tcp.options))", "\(array(tcp.payload))",
  ]
}

/// Reads every field of every view over `bytes`, taken as a frame and as each header by itself.
///
/// Returns the length of the longest span that any view hands out, so that a test can compare it.
func readEverything(_ bytes: RawSpan) -> Int {
  var sweep = Sweep()
  sweep.link(bytes)
  if let ip = IPv4(bytes) { sweep.ipv4(ip) }
  if let ip = IPv4(frame: bytes) { sweep.ipv4(ip) }
  if let ip = IPv6(bytes) { sweep.ipv6(ip) }
  if let ip = IPv6(frame: bytes) { sweep.ipv6(ip) }
  if let icmp = ICMP(bytes) { sweep.icmp(icmp) }
  if let icmp = ICMP(frame: bytes) { sweep.icmp(icmp) }
  if let icmp = ICMPv6(bytes) { sweep.icmpv6(icmp) }
  if let icmp = ICMPv6(frame: bytes) { sweep.icmpv6(icmp) }
  if let udp = UDP(bytes) { sweep.udp(udp) }
  if let udp = UDP(frame: bytes) { sweep.udp(udp) }
  if let tcp = TCP(bytes) { sweep.tcp(tcp) }
  if let tcp = TCP(frame: bytes) { sweep.tcp(tcp) }
  if let key = FlowKey(frame: bytes) { sweep.read(key.bothDirections.source.low) }
  return sweep.longest
}

/// The state of one reading of everything.
private struct Sweep {
  var longest = 0
  var digest: UInt64 = 0

  mutating func read(_ value: some BinaryInteger) {
    digest = digest &* 31 &+ UInt64(truncatingIfNeeded: value)
  }

  mutating func read(_ span: RawSpan) {
    longest = max(longest, span.byteCount)
    read(Checksum.of(span))
  }

  mutating func link(_ bytes: RawSpan) {
    if let ethernet = Ethernet(bytes) {
      read(ethernet.destination.rawValue &+ ethernet.source.rawValue)
      read(ethernet.etherType.rawValue)
      read(ethernet.payload)
    }
    if let tag = VLAN(bytes) {
      read(tag.identifier ^ UInt16(tag.priority) ^ tag.etherType.rawValue)
      read(tag.payload)
    }
    if let tag = VLAN(frame: bytes) { read(tag.payload) }
    if let arp = ARP(bytes) {
      read(arp.operation.rawValue)
      read(arp.senderMAC.rawValue &+ arp.targetMAC.rawValue)
      read(arp.senderIP.rawValue &+ arp.targetIP.rawValue)
    }
    if let arp = ARP(frame: bytes) { read(arp.targetIP.rawValue) }
  }

  mutating func ipv4(_ ip: IPv4<RawSpan>) {
    read(ip.headerByteCount &+ ip.totalLength)
    read(ip.trafficClass &+ ip.timeToLive &+ ip.ipProtocol.rawValue)
    read(ip.identification &+ ip.checksum)
    read(ip.fragment?.offset ?? (ip.isChecksumValid ? 1 : 2))
    read(ip.source.rawValue &+ ip.destination.rawValue)
    read(ip.options)
    read(ip.payload)
    read(ip.upperLayer.offset &+ (ip.dontFragment ? 1 : 0))
    if let udp = UDP(ip.payload) { read(udp.isChecksumValid(ip.pseudoHeader) ? 1 : 0) }
    if let tcp = TCP(ip.payload) { read(tcp.isChecksumValid(ip.pseudoHeader) ? 1 : 0) }
  }

  mutating func ipv6(_ ip: IPv6<RawSpan>) {
    read(ip.trafficClass &+ ip.hopLimit &+ ip.nextHeader.rawValue)
    read(ip.flowLabel &+ UInt32(ip.payloadLength))
    read(ip.source.high &+ ip.destination.low)
    read(ip.payload)
    read(ip.fragment?.offset ?? 0)
    if let upper = ip.upperLayer { read(upper.offset &+ upper.byteCount) }
    guard let payload = ip.upperPayload else { return }
    read(payload)
    if let udp = UDP(payload) { read(udp.isChecksumValid(ip.pseudoHeader(for: .udp)) ? 1 : 0) }
    if let tcp = TCP(payload) { read(tcp.isChecksumValid(ip.pseudoHeader(for: .tcp)) ? 1 : 0) }
    if let icmp = ICMPv6(payload) {
      read(icmp.isChecksumValid(ip.pseudoHeader(for: .icmpv6)) ? 1 : 0)
    }
  }

  mutating func icmp(_ icmp: ICMP<RawSpan>) {
    read(icmp.type.rawValue &+ icmp.code)
    read(icmp.identifier &+ icmp.sequence &+ icmp.checksum)
    read(icmp.isChecksumValid ? 1 : 0)
    read(icmp.payload)
  }

  mutating func icmpv6(_ icmp: ICMPv6<RawSpan>) {
    read(icmp.type.rawValue &+ icmp.code)
    read(icmp.identifier &+ icmp.sequence &+ icmp.checksum)
    read(icmp.payload)
  }

  mutating func udp(_ udp: UDP<RawSpan>) {
    read(udp.sourcePort &+ udp.destinationPort &+ udp.checksum)
    read(udp.length)
    read(udp.payload)
  }

  mutating func tcp(_ tcp: TCP<RawSpan>) {
    read(tcp.sourcePort &+ tcp.destinationPort &+ tcp.checksum &+ tcp.window)
    read(tcp.sequence &+ tcp.acknowledgment)
    read(tcp.flags.rawValue)
    read(tcp.urgentPointer &+ (tcp.maximumSegmentSize ?? 0) &+ UInt16(tcp.windowScale ?? 0))
    if let value = tcp.option(8) { read(value) }
    read(tcp.options)
    read(tcp.payload)
  }
}

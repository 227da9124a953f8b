internal import CXDP
internal import Glibc

/// A raw socket on one interface: sends frames as they are and sees what the interface receives,
/// not what it sends.
///
/// Several threads may use one.
///
/// Its queue is large enough that the tap itself does not drop what a test sends. A VLAN tag that
/// the kernel took out of the frame is put back: what `receive` returns is what was on the wire.
public final class PacketTap: Sendable {
  private let descriptor: Int32
  private let interface: String

  /// Opens the tap on an interface of the calling thread's network namespace.
  ///
  /// With `etherType` it sees only frames of that type (behind VLAN tags that the kernel takes
  /// out), otherwise all. Needs `CAP_NET_RAW` and, for the queue's size, `CAP_NET_ADMIN`.
  public init(_ interface: String, etherType: UInt16? = nil, queueByteCount: Int = 64 << 20) throws
  {
    self.interface = interface
    // Swift lends the name as a null-terminated string for the length of the call.
    let index = unsafe if_nametoindex(interface)
    if index == 0 { throw TestKitError("tap \(interface): no such interface") }
    let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    // Protocol 0: nothing arrives before the options are set.
    descriptor = try systemCall("tap \(interface): socket") { socket(AF_PACKET, kind, 0) }
    try setOption(SOL_SOCKET, SO_RCVBUFFORCE, Int32(clamping: queueByteCount))
    try setOption(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    try setOption(SOL_PACKET, PACKET_AUXDATA, 1)
    var address = sockaddr_ll()
    address.sll_family = UInt16(AF_PACKET)
    address.sll_protocol = (etherType ?? UInt16(ETH_P_ALL)).bigEndian
    address.sll_ifindex = Int32(bitPattern: index)
    try systemCall("tap \(interface): bind") {
      // sockaddr_ll is one of the forms of sockaddr, and its size is passed on.
      unsafe withUnsafeBytes(of: &address) { bytes in
        unsafe bind(
          descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
          socklen_t(bytes.count))
      }
    }
  }

  deinit { close(descriptor) }

  /// Sends one frame, which begins with the destination's MAC address.
  public func send(_ frame: [UInt8]) throws {
    while true {
      // The kernel reads only the bytes of the array.
      let sent = unsafe frame.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0)
      }
      if sent == frame.count { return }
      let code = errno
      guard code == EAGAIN || code == EINTR else {
        throw TestKitError("tap \(interface): send \(frame.count) bytes: errno \(code)")
      }
      try waitUntilWritable()
    }
  }

  /// Sends frames one after the other.
  public func send(_ frames: [[UInt8]]) throws {
    for frame in frames { try send(frame) }
  }

  /// The next frame; nil when none came in time.
  public func receive(timeout: Duration) throws -> [UInt8]? {
    try receive(1, timeout: timeout).first
  }

  /// The next `count` frames, or those of them that came within `timeout`.
  ///
  /// With a filter, other frames are passed over.
  public func receive(
    _ count: Int, timeout: Duration, where isWanted: ([UInt8]) -> Bool = { _ in true }
  ) throws -> [[UInt8]] {
    let deadline = Deadline(timeout)
    var frames: [[UInt8]] = []
    while frames.count < count {
      if let frame = try receiveNow() {
        if isWanted(frame) { frames.append(frame) }
      } else if try !deadline.wait(for: [descriptor])[0] {
        break
      }
    }
    return frames
  }

  /// Frames that the tap itself had to drop since the last call.
  ///
  /// Not 0: a test's numbers mean nothing.
  public func dropCount() throws -> Int {
    var statistics = tpacket_stats()
    var size = socklen_t(MemoryLayout<tpacket_stats>.size)
    // The kernel writes at most `size` bytes, all of the structure.
    try systemCall("tap \(interface): statistics") {
      unsafe getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, &statistics, &size)
    }
    return Int(statistics.tp_drops)
  }

  private func receiveNow() throws -> [UInt8]? {
    var length = 0
    var frame: [UInt8] = []
    var control = [UInt8](repeating: 0, count: 128)
    frame = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { bytes, initialized in
      // The kernel writes at most the two capacities, and `initialized` says how much it wrote.
      unsafe control.withUnsafeMutableBytes { control in
        var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        unsafe withUnsafeMutablePointer(to: &vector) { vector in
          var message = unsafe msghdr()
          unsafe message.msg_iov = vector
          unsafe message.msg_iovlen = 1
          unsafe message.msg_control = control.baseAddress
          unsafe message.msg_controllen = control.count
          length = unsafe recvmsg(descriptor, &message, 0)
        }
      }
      initialized = max(length, 0)
    }
    if length < 0 {
      let code = errno
      if code == EAGAIN || code == EINTR || code == ENETDOWN { return nil }
      throw TestKitError("tap \(interface): receive: errno \(code)")
    }
    if let tag = strippedTag(control), frame.count >= 12 { frame.insert(contentsOf: tag, at: 12) }
    return frame
  }

  private func waitUntilWritable() throws {
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // One element, which outlives the call.
    try systemCall("poll") { unsafe Glibc.poll(&poll, 1, 1000) }
  }

  private func setOption(_ level: Int32, _ option: Int32, _ value: Int32) throws {
    var value = value
    try systemCall("tap \(interface): option \(option)") {
      // The size of the value is passed on.
      unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }
}

/// The four bytes of the VLAN tag that the kernel took out of a frame, if it did: it says so in a
/// `tpacket_auxdata` behind the 16 bytes of a `cmsghdr`.
private func strippedTag(_ control: [UInt8]) -> [UInt8]? {
  // The array holds more than the header and the structure, both plain integers.
  unsafe control.withUnsafeBytes { bytes in
    let kind = unsafe bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self)
    let level = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self)
    guard level == SOL_PACKET, kind == PACKET_AUXDATA else { return nil }
    let data = unsafe bytes.loadUnaligned(fromByteOffset: 16, as: tpacket_auxdata.self)
    guard data.tp_status & UInt32(TP_STATUS_VLAN_VALID) != 0 else { return nil }
    let hasType = data.tp_status & UInt32(TP_STATUS_VLAN_TPID_VALID) != 0
    let type = hasType ? data.tp_vlan_tpid : 0x8100
    let tag = data.tp_vlan_tci
    return [UInt8(type >> 8), UInt8(type & 0xFF), UInt8(tag >> 8), UInt8(tag & 0xFF)]
  }
}

private let SOL_PACKET: Int32 = 263

import CXDP
import Glibc
import MartletTestKit
import Steering
import Testing
import Wire
import XSK

/// Three machines in a row: the one in the middle routes, the last counts what its queues get.
///
/// ```
/// client 10.1.0.1 ---- toClient | switch | toDevice ==== near 10.2.0.2 device, with four queues
/// ```
/// or the same with fd01::1 and fd02::2.
final class Hop: Sendable {
  let middle: NetworkNamespace
  let folder: TemporaryFolder
  private let clientPlace, devicePlace: NetworkNamespace
  private let program: ProgramHolder
  /// Takes datagrams and never reads them: nothing is sent back.
  private let sink: Int32
  /// Packets that the switch may send by itself: IPv6 tells routers and neighbours of itself.
  let strays: Int

  init(isVersion6: Bool) throws {
    strays = isVersion6 ? 5 : 0
    let (client, middle, device) = try (
      NetworkNamespace(ipv6: isVersion6), NetworkNamespace(ipv6: isVersion6),
      NetworkNamespace(ipv6: isVersion6)
    )
    (clientPlace, self.middle, devicePlace) = (client, middle, device)
    folder = try TemporaryFolder()
    // A host of one of the two networks, with the prefix's length if it ends in a slash.
    func net(_ number: Int, _ host: String) -> String {
      let address = isVersion6 ? "fd0\(number)::\(host)" : "10.\(number).0.\(host)"
      return address + (host.hasSuffix("/") ? isVersion6 ? "64" : "24" : "")
    }
    try middle.run {
      _ = try VethPair("toClient", "eth") { $0.farNamespace = client }
      _ = try VethPair("toDevice", "near") {
        $0.farNamespace = device
        $0.queueCount = 4
      }
      try assignAddress(net(1, "9/"), to: "toClient")
      try assignAddress(net(2, "9/"), to: "toDevice")
      let key = isVersion6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward"
      try runProgram(["sysctl", "-q", "-w", "\(key)=1"])
    }
    try client.run { try Hop.settle("eth", net(1, "1/"), route: net(1, "9")) }
    try device.run { try Hop.settle("near", net(2, "2/"), route: net(2, "9")) }
    (program, sink) = try device.run {
      let sink = try makeSocket(Hop.flow(1, .udp, isVersion6))
      try bindSocket(sink, Hop.flow(1, .udp, isVersion6), isSource: false)
      return (try ProgramHolder(), sink)
    }
    try client.run { try Hop.find(net(2, "2")) }
  }

  /// Has neighbours found before anything is counted.
  ///
  /// Until the addresses that a cable gives itself are known to be nobody else's the switch asks
  /// for no neighbour, and after three seconds says that there is none, which ends a ping.
  private static func find(_ host: String) throws {
    let ping = ["ping", "-q", "-c", "1", "-w", "60", host]
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if (try? runProgram(ping)) != nil { return }
    }
    try runProgram(ping)
  }

  deinit { close(sink) }

  private static func settle(_ name: String, _ address: String, route: String) throws {
    try assignAddress(address, to: name)
    let version = address.contains(":") ? "-6" : "-4"
    try runProgram(["ip", version, "route", "add", "default", "via", route])
  }

  func client<R>(_ body: () throws -> R) throws -> R { try clientPlace.run(body) }
  func switched<R>(_ body: () throws -> R) throws -> R { try middle.run(body) }
  func device<R>(_ body: () throws -> R) throws -> R { try devicePlace.run(body) }

  /// From the switch's side: the queues of the other end are those that this end sends on.
  func steering() throws(XDPError) -> QueueSteering {
    let end = try Interface(named: "toDevice")
    return try QueueSteering(end, sender: end, recordFolder: folder.path)
  }

  /// From the client's port to port 4789 of the device.
  static func flow(_ port: Int, _ ipProtocol: IPProtocol, _ isVersion6: Bool) -> FlowKey {
    isVersion6
      ? FlowKey(
        source: IPv6Address(high: 0xFD01 << 48, low: 1), sourcePort: UInt16(port),
        destination: IPv6Address(high: 0xFD02 << 48, low: 2), destinationPort: 4789,
        ipProtocol: ipProtocol)
      : FlowKey(
        source: IPv4Address(10, 1, 0, 1), sourcePort: UInt16(port),
        destination: IPv4Address(10, 2, 0, 2), destinationPort: 4789, ipProtocol: ipProtocol)
  }

  /// Whether one queue got just so many packets, and the others none but strays.
  func isAll(_ counts: [Int], _ count: Int, on queue: Int) -> Bool {
    counts[queue] == count && counts.reduce(0, +) - count <= strays
  }

  /// How many packets each queue of the device got while `body` ran and a moment later.
  func arrivals(_ body: () throws -> Void) throws -> [Int] {
    let before = try counts()
    try body()
    var now = try counts()
    // Veth hands packets to a kernel thread at most; until nothing changes any more.
    for _ in 0..<100 {
      usleep(5_000)
      let next = try counts()
      if next == now { break }
      now = next
    }
    return zip(now, before).map { $0 - $1 }
  }

  private func counts() throws -> [Int] {
    let text = try devicePlace.run { try runProgram(["ethtool", "-S", "near"]) }
    return (0..<4).map { queue in
      let line = text.split(separator: "\n").first {
        $0.contains("rx_queue_\(queue)_xdp_packets:")
      }
      return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }
  }
}

/// The steering program on `near`, which passes all packets; with a program veth counts by queue.
private final class ProgramHolder: @unchecked Sendable {
  private var program: SteeringProgram

  init() throws {
    program = try SteeringProgram(socketCapacity: 8)
    try program.attach(to: Interface(named: "near"), mode: .native)
  }
}

/// Runs `body` on a thread of its own, in the switch.
func withHop(
  isVersion6: Bool = false, _ body: @escaping @Sendable (Hop) throws -> Void
) async throws {
  let thread = TestThread {
    let hop = try Hop(isVersion6: isVersion6)
    try hop.switched { try body(hop) }
  }
  try thread.join()
}

/// A socket of the client's that is connected as a flow says.
final class Sender {
  private let descriptor: Int32

  init(_ flow: FlowKey) throws {
    descriptor = try makeSocket(flow)
    try bindSocket(descriptor, flow, isSource: true)
    try unsafe withAddress(flow, isSource: false) { address, size in
      if unsafe connect(descriptor, address, size) != 0 { throw TestKitError("connect: \(errno)") }
    }
  }

  deinit { close(descriptor) }

  /// Sends 100 bytes so many times.
  func send(_ count: Int) throws {
    let bytes = [UInt8](repeating: 7, count: 100)
    for _ in 0..<count {
      // As many bytes as the array has.
      let sent = unsafe Glibc.send(descriptor, bytes, bytes.count, 0)
      if sent < 0 { throw TestKitError("send: errno \(errno)") }
    }
  }
}

/// A socket that waits where the flow goes to.
final class Listener {
  private let descriptor: Int32

  init(_ flow: FlowKey) throws {
    descriptor = try makeSocket(flow)
    try bindSocket(descriptor, flow, isSource: false)
    guard listen(descriptor, 1) == 0 else { throw TestKitError("listen: errno \(errno)") }
  }

  deinit { close(descriptor) }

  func accept() throws -> Connection {
    let accepted = Glibc.accept(descriptor, nil, nil)
    guard accepted >= 0 else { throw TestKitError("accept: errno \(errno)") }
    return Connection(descriptor: accepted)
  }
}

/// The listener's end of a connection.
final class Connection {
  private let descriptor: Int32

  init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Receives the 100 bytes of one `send`.
  func receive() throws {
    var bytes = [UInt8](repeating: 0, count: 100)
    // As many bytes as the array has.
    guard unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_WAITALL)) == 100 else {
      throw TestKitError("receive: errno \(errno)")
    }
  }
}

/// With time-outs: a test that fails does not hang.
private func makeSocket(_ flow: FlowKey) throws -> Int32 {
  let kind = flow.ipProtocol == .tcp ? SOCK_STREAM : SOCK_DGRAM
  let descriptor = socket(flow.isIPv4 ? AF_INET : AF_INET6, Int32(kind.rawValue) | O_CLOEXEC, 0)
  guard descriptor >= 0 else { throw TestKitError("socket: errno \(errno)") }
  var limit = timeval(tv_sec: 5, tv_usec: 0)
  let size = socklen_t(MemoryLayout<timeval>.size)
  for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
    // The structure has that size.
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, size)
  }
  return descriptor
}

private func bindSocket(_ descriptor: Int32, _ flow: FlowKey, isSource: Bool) throws {
  try unsafe withAddress(flow, isSource: isSource) { address, size in
    // The bytes are an address of this size.
    if unsafe bind(descriptor, address, size) != 0 { throw TestKitError("bind: errno \(errno)") }
  }
}

/// Lends one end of a flow as the kernel wants addresses.
private func withAddress(
  _ flow: FlowKey, isSource: Bool, _ body: (UnsafePointer<sockaddr>?, socklen_t) throws -> Void
) throws {
  let address = isSource ? flow.source : flow.destination
  let port = isSource ? flow.sourcePort : flow.destinationPort
  let octets = address.high.bytes + address.low.bytes
  // struct sockaddr_in: family, port, address, 8 zeros; sockaddr_in6: family, port, flow, address,
  // scope.
  let family = UInt16(flow.isIPv4 ? AF_INET : AF_INET6)
  var bytes = [UInt8(family & 0xFF), 0] + port.bytes
  if flow.isIPv4 {
    bytes += octets.suffix(4) + [UInt8](repeating: 0, count: 8)
  } else {
    bytes += [0, 0, 0, 0] + octets + [0, 0, 0, 0]
  }
  // The bytes live for the call.
  try unsafe bytes.withUnsafeBytes {
    try unsafe body($0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
  }
}

extension FixedWidthInteger {
  /// Its bytes, the most significant first.
  fileprivate var bytes: [UInt8] {
    stride(from: Self.bitWidth - 8, through: 0, by: -8).map {
      UInt8(truncatingIfNeeded: self >> $0)
    }
  }
}

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
/// and the same with fd01::1 and fd02::2.
final class Hop: Sendable {
  let middle: NetworkNamespace
  let folder: Folder
  private let clientPlace, devicePlace: NetworkNamespace
  private let program: ProgramHolder

  init() throws {
    let (client, middle, device) = try (
      NetworkNamespace(ipv6: true), NetworkNamespace(ipv6: true), NetworkNamespace(ipv6: true)
    )
    (clientPlace, self.middle, devicePlace) = (client, middle, device)
    folder = try Folder()
    try middle.run {
      _ = try VethPair("toClient", "eth") { $0.farNamespace = client }
      _ = try VethPair("toDevice", "near") {
        $0.farNamespace = device
        $0.queueCount = 4
      }
      for (address, name) in [
        ("10.1.0.9/24", "toClient"), ("fd01::9/64", "toClient"), ("10.2.0.9/24", "toDevice"),
        ("fd02::9/64", "toDevice"),
      ] { try assignAddress(address, to: name) }
      let keys = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
      try runProgram(["sysctl", "-q", "-w"] + keys)
    }
    try client.run { try Hop.settle("eth", "10.1.0.1/24", "fd01::1/64", "10.1.0.9", "fd01::9") }
    try device.run { try Hop.settle("near", "10.2.0.2/24", "fd02::2/64", "10.2.0.9", "fd02::9") }
    program = try device.run { try ProgramHolder() }
    // Neighbours are found before anything is counted.
    try client.run {
      try runProgram(["ping", "-q", "-c", "1", "-W", "5", "10.2.0.2"])
      try runProgram(["ping", "-q", "-c", "1", "-W", "5", "fd02::2"])
    }
  }

  private static func settle(
    _ name: String, _ four: String, _ six: String, _ route4: String, _ route6: String
  ) throws {
    try assignAddress(four, to: name)
    try assignAddress(six, to: name)
    try runProgram(["ip", "-4", "route", "add", "default", "via", route4])
    try runProgram(["ip", "-6", "route", "add", "default", "via", route6])
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
  func flow(_ port: Int, _ ipProtocol: IPProtocol, _ isVersion6: Bool) -> FlowKey {
    isVersion6
      ? FlowKey(
        source: IPv6Address(high: 0xFD01 << 48, low: 1), sourcePort: UInt16(port),
        destination: IPv6Address(high: 0xFD02 << 48, low: 2), destinationPort: 4789,
        ipProtocol: ipProtocol)
      : FlowKey(
        source: IPv4Address(10, 1, 0, 1), sourcePort: UInt16(port),
        destination: IPv4Address(10, 2, 0, 2), destinationPort: 4789, ipProtocol: ipProtocol)
  }

  /// How many packets each queue of the device got while `body` ran and a moment later.
  ///
  /// Other packets than the test's are none: neighbours are known.
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
func withHop(_ body: @escaping @Sendable (Hop) throws -> Void) async throws {
  let thread = TestThread {
    let hop = try Hop()
    try hop.switched { try body(hop) }
  }
  try thread.join()
}

/// Takes the calling thread of a test's child process into a namespace for good.
func enterNamespace(_ path: String) {
  // The path is a C string for the length of the call.
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  precondition(cxdp_setns(descriptor, 0) == 0, "setns: errno \(errno)")
  close(descriptor)
}

/// A socket of the client's that is connected as a flow says.
final class Sender {
  private let descriptor: Int32

  init(_ flow: FlowKey) throws {
    descriptor = try makeSocket(flow)
    try unsafe withAddress(flow, isSource: true) { address, size in
      // The bytes are an address of this size.
      if unsafe bind(descriptor, address, size) != 0 { throw TestKitError("bind: \(errno)") }
    }
    try unsafe withAddress(flow, isSource: false) { address, size in
      if unsafe connect(descriptor, address, size) != 0 { throw TestKitError("connect: \(errno)") }
    }
  }

  deinit { close(descriptor) }

  /// Sends 100 bytes so many times.
  func send(_ count: Int) throws {
    let bytes = [UInt8](repeating: 7, count: 100)
    for _ in 0..<count {
      // As many bytes as the array has. Nobody listens to datagrams: the refusal comes back.
      let sent = unsafe Glibc.send(descriptor, bytes, bytes.count, 0)
      if sent < 0, errno != ECONNREFUSED { throw TestKitError("send: errno \(errno)") }
      if sent < 0 { _ = unsafe Glibc.send(descriptor, bytes, bytes.count, 0) }
    }
  }
}

/// A socket that waits where the flow goes to.
final class Listener {
  private let descriptor: Int32

  init(_ flow: FlowKey) throws {
    descriptor = try makeSocket(flow)
    try unsafe withAddress(flow, isSource: false) { address, size in
      // The bytes are an address of this size.
      guard unsafe bind(descriptor, address, size) == 0, listen(descriptor, 1) == 0 else {
        throw TestKitError("listen: errno \(errno)")
      }
    }
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

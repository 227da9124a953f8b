import Glibc
import Wire

/// A UDP socket on one port of every address.
final class Datagrams {
  private let descriptor: Int32
  private let isVersion6: Bool

  init(port: UInt16, isVersion6: Bool) throws {
    self.isVersion6 = isVersion6
    let kind = Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC
    descriptor = socket(isVersion6 ? AF_INET6 : AF_INET, kind, 0)
    var one: Int32 = 1
    var limit = timeval(tv_sec: 3, tv_usec: 0)
    // Values with their sizes. IPv4 has a socket of its own.
    if isVersion6 { unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4) }
    unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let address = Datagrams.address(isVersion6 ? .any : nil, port)
    // An address with its size.
    let result = unsafe address.withUnsafeBytes {
      unsafe bind(
        descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
    guard result == 0 else { throw Failure("bind to port \(port): errno \(errno)") }
  }

  deinit { close(descriptor) }

  var pollable: pollfd { pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0) }

  func send(_ bytes: [UInt8], toGuest: Bool, port: UInt16) {
    let six = toGuest ? Flow.guest6 : Flow.host6
    let four = toGuest ? Flow.guest4 : Flow.host4
    let address =
      isVersion6 ? Datagrams.address(six, port) : Datagrams.address(nil, port, four)
    // Bytes and an address with their sizes.
    unsafe address.withUnsafeBytes { address in
      _ = unsafe sendto(
        descriptor, bytes, bytes.count, 0,
        address.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(address.count))
    }
  }

  /// The next datagram, nil if none came in time.
  func receive() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 2048)
    // As many bytes as the array has.
    let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
    return count < 0 ? nil : [UInt8](bytes[..<count])
  }

  /// `struct sockaddr_in6`, or without an IPv6 address `struct sockaddr_in`.
  private static func address(
    _ six: IPv6Address?, _ port: UInt16, _ four: IPv4Address = .any
  ) -> [UInt8] {
    let family = UInt8(six == nil ? AF_INET : AF_INET6)
    let start = [family, 0, UInt8(port >> 8), UInt8(port & 0xFF)]
    guard let six else {
      return start + octets(UInt64(four.rawValue)).suffix(4) + [UInt8](repeating: 0, count: 8)
    }
    return start + [0, 0, 0, 0] + octets(six.high) + octets(six.low) + [0, 0, 0, 0]
  }

  private static func octets(_ value: UInt64) -> [UInt8] {
    stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

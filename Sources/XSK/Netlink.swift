import CXDP
import Glibc
package import SystemPackage

/// One question to the kernel over a netlink socket, and its answers, as bytes.
package enum Netlink {
  /// Sends `payload` as one request and hands every answer's type and payload to `each`.
  ///
  /// Nil is success. Netlink answers at once: the calls never wait for an event.
  package static func ask(
    protocol number: Int32, type: Int32, flags: Int32, payload: [UInt8],
    each: (UInt16, ArraySlice<UInt8>) -> Void
  ) -> Errno? {
    let kind = Int32(SOCK_RAW.rawValue) | O_CLOEXEC
    guard let socket = OwnedDescriptor(socket(AF_NETLINK, kind, number)) else {
      return Errno(rawValue: errno)
    }
    let request = request(type: type, flags: flags, payload: payload)
    // Both arrays stay put for the length of the calls.
    guard unsafe send(socket.value, request, request.count, 0) == request.count else {
      return Errno(rawValue: errno)
    }
    var space = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe recv(socket.value, &space, space.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return count < 0 ? Errno(rawValue: errno) : .protocolError }
      if let end = walk(space[..<count], each) { return end == 0 ? nil : Errno(rawValue: end) }
      if flags & NLM_F_DUMP == 0 { return nil }
    }
  }

  /// A request, as the kernel wants it.
  static func request(type: Int32, flags: Int32, payload: [UInt8]) -> [UInt8] {
    var request = [UInt8](native: UInt32(header + payload.count))
    request += [UInt8](native: UInt16(type))
    request += [UInt8](native: UInt16(NLM_F_REQUEST | flags))
    request += [UInt8](native: UInt64(1))  // sequence number and port
    return request + payload
  }

  /// Bytes of `struct nlmsghdr`.
  private static let header = 16

  /// Hands out the messages of one datagram.
  ///
  /// The answer is nil while more is to come, else an errno or 0.
  private static func walk(
    _ datagram: ArraySlice<UInt8>, _ each: (UInt16, ArraySlice<UInt8>) -> Void
  ) -> Int32? {
    var rest = datagram
    while rest.count >= header {
      let length = Int(rest.native(UInt32.self, at: 0))
      let type = rest.native(UInt16.self, at: 4)
      guard length >= header, length <= rest.count else { return EPROTO }
      let payload = rest.dropFirst(header).prefix(length - header)
      switch Int32(type) {
      case NLMSG_DONE: return 0
      case NLMSG_ERROR: return payload.count >= 4 ? -payload.native(Int32.self, at: 0) : EPROTO
      default: each(type, payload)
      }
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return nil
  }

  /// Hands every attribute of `bytes` (`struct rtattr`, padded to four) to `each`.
  package static func attributes(
    _ bytes: ArraySlice<UInt8>, each: (UInt16, ArraySlice<UInt8>) -> Void
  ) {
    var rest = bytes
    while rest.count >= 4 {
      let length = Int(rest.native(UInt16.self, at: 0))
      guard length >= 4, length <= rest.count else { return }
      each(rest.native(UInt16.self, at: 2), rest.dropFirst(4).prefix(length - 4))
      rest = rest.dropFirst((length + 3) & ~3)
    }
  }
}

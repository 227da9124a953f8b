import CXDP
import Glibc
package import SystemPackage

/// A network interface of the calling thread's network namespace.
public struct Interface: Sendable, Hashable {
  /// Its name when it was looked up, such as "eth0".
  public let name: String
  /// The kernel's number for it (`ifindex`).
  ///
  /// It stays when the interface is renamed.
  public let index: UInt32

  init(name: String, index: UInt32) {
    self.name = name
    self.index = index
  }

  /// Looks an interface up by name.
  ///
  /// Throws `.noSuchInterface`, which names those that exist.
  public init(named name: String) throws(XDPError) {
    // A C string for the length of the call.
    let index = unsafe if_nametoindex(name)
    self.init(name: name, index: index)
    guard index == 0 else { return }
    let errno = Errno(rawValue: errno)
    guard Interface.isMissing(errno) else { throw unanswered("use \(name)", errno) }
    throw XDPError(
      .noSuchInterface, operation: "use \(name.isEmpty ? "\"\"" : name)",
      reason: "there is no such interface here",
      remedy: Interface.remedyListingNames(), errno: errno)
  }

  /// The names of all interfaces of the calling thread's network namespace, in the kernel's order.
  public static func names() -> [String] {
    guard let list = unsafe if_nameindex() else { return [] }
    defer { unsafe if_freenameindex(list) }
    var names: [String] = []
    var entry = unsafe list
    // The list ends with an entry whose index is 0 (if_nameindex(3)).
    while unsafe entry.pointee.if_index != 0, let name = unsafe entry.pointee.if_name {
      names.append(unsafe String(cString: name))
      unsafe entry += 1
    }
    return names
  }

  private static func remedyListingNames() -> String {
    let names = names()
    guard !names.isEmpty else { return "this network namespace has no interface at all" }
    let shown = names.prefix(8).joined(separator: ", ")
    return "name one of: \(shown)" + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }
}

/// Whether an interface can carry packets.
public enum LinkState: Sendable, Hashable {
  /// Set up by the administrator (`IFF_UP`); a cable may still be missing.
  case up
  /// There, but not up.
  case down
  /// No longer there.
  case gone
}

extension Interface {
  /// Whether the interface is up, down or gone; nil if the kernel cannot be asked, as without a
  /// free file descriptor.
  ///
  /// A few system calls.
  public func state() -> LinkState? {
    guard let socket = try? Interface.makeSocket() else { return nil }
    return state(by: socket)
  }

  /// The same by a socket of the interface's network namespace: nothing it takes can be lacking.
  func state(by socket: borrowing OwnedDescriptor) -> LinkState? {
    do {
      return Interface.has(IFF_UP, in: try control(SIOCGIFFLAGS, by: socket)) ? .up : .down
    } catch {
      guard Interface.isMissing(error) else { return nil }
    }
    // It may have got another name between the two questions: then it still has one.
    do {
      _ = try currentName(by: socket)
      return nil
    } catch {
      return Interface.isMissing(error) ? .gone : nil
    }
  }

  /// Whether packets can leave now: the interface is up and its cable is in (`IFF_RUNNING`).
  ///
  /// Some drivers begin anew when a program is attached or taken away, and then are without for one
  /// to three seconds. A few system calls.
  public var hasCarrier: Bool {
    guard let flags = try? control(SIOCGIFFLAGS) else { return false }
    return Interface.has(IFF_RUNNING, in: flags)
  }

  /// Bytes of the largest packet the interface carries, without the Ethernet header.
  ///
  /// Throws `.interfaceGone` if it vanished.
  public func mtu() throws(XDPError) -> Int {
    do {
      return Int(try control(SIOCGIFMTU).native(Int32.self, at: 0))
    } catch {
      throw unanswered("read the MTU of \(name)", error)
    }
  }

  /// The six bytes of the interface's Ethernet address; nil if it has none or vanished.
  public var hardwareAddress: [UInt8]? {
    // A `struct sockaddr`: the family, 1 for Ethernet (`ARPHRD_ETHER`), then the bytes.
    guard let address = try? control(SIOCGIFHWADDR), address.native(UInt16.self, at: 0) == 1
    else { return nil }
    return [UInt8](address.dropFirst(2).prefix(6))
  }

  /// The name of the interface's driver, such as "virtio_net"; nil if it does not say.
  public func driver() -> String? {
    var answer = [UInt8](native: UInt32(ETHTOOL_GDRVINFO))
    answer += [UInt8](repeating: 0, count: MemoryLayout<ethtool_drvinfo>.size - answer.count)
    guard ethtool(&answer) == nil else { return nil }
    // `cmd`, then the driver's name in 32 bytes that end with a zero.
    return String(decoding: answer[4..<36].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The error for an interface that answers no more.
  package func gone(_ operation: String, _ errno: Errno) -> XDPError {
    XDPError(
      .interfaceGone, operation: operation, reason: "the interface is gone",
      remedy: "look it up again by name once it is back", errno: errno)
  }

  /// The error for an interface of which the kernel said nothing but `errno`: it is gone, or nobody
  /// could ask.
  package func unanswered(_ operation: String, _ errno: Errno) -> XDPError {
    guard !Interface.isMissing(errno) else { return gone(operation, errno) }
    return XDPError(
      .system, operation: operation, reason: "the kernel cannot be asked about it (\(errno))",
      remedy: "look at the limits (ulimit -a)", errno: errno)
  }

  /// Whether `errno` says that there is no such interface, and not that nobody could ask.
  private static func isMissing(_ errno: Errno) -> Bool {
    errno == .operationNotSupportedByDevice || errno == .noSuchAddressOrDevice
  }

  private static func has(_ flag: some BinaryInteger, in flags: ArraySlice<UInt8>) -> Bool {
    Int(flags.native(UInt16.self, at: 0)) & Int(flag) != 0
  }
}

extension Interface {
  /// The interface's present name: the ioctls and libxdp want names, and a name may change.
  ///
  /// Throws ENODEV if it is gone.
  func currentName() throws(Errno) -> String {
    try currentName(by: try Interface.makeSocket())
  }

  private func currentName(by socket: borrowing OwnedDescriptor) throws(Errno) -> String {
    let answer = try Interface.request(
      SIOCGIFNAME, of: "", argument: UInt(index), by: socket)
    return String(decoding: answer.prefix(16).prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Runs one interface ioctl and answers with what the kernel put behind the name: 24 bytes.
  private func control(_ code: Int32, argument: UInt = 0) throws(Errno) -> ArraySlice<UInt8> {
    try control(code, argument: argument, by: try Interface.makeSocket())
  }

  private func control(
    _ code: Int32, argument: UInt = 0, by socket: borrowing OwnedDescriptor
  ) throws(Errno) -> ArraySlice<UInt8> {
    let name = try currentName(by: socket)
    return try Interface.request(code, of: name, argument: argument, by: socket)[16...]
  }

  /// Any socket will do, and asks about the interfaces of the namespace it was made in.
  private static func makeSocket() throws(Errno) -> OwnedDescriptor {
    let kind = Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC
    guard let socket = OwnedDescriptor(socket(AF_INET, kind, 0)) else {
      throw Errno(rawValue: errno)
    }
    return socket
  }

  /// One interface ioctl, laid out as `struct ifreq`: the name in 16 bytes (`IFNAMSIZ`), then a
  /// union of 24 bytes.
  private static func request(
    _ code: Int32, of name: String, argument: UInt, by socket: borrowing OwnedDescriptor
  ) throws(Errno) -> [UInt8] {
    var request = [UInt8](name.utf8.prefix(15))
    request += [UInt8](repeating: 0, count: 16 - request.count)
    request += [UInt8](native: argument)
    // Only the size of the type is used.
    request += [UInt8](repeating: 0, count: unsafe MemoryLayout<ifreq>.size - request.count)
    // The request has the size of a `struct ifreq` and outlives the call. Some commands of ethtool
    // answer with more than 0 (`ETHTOOL_F_WISH`).
    guard unsafe ioctl(socket.value, UInt(code), &request) >= 0 else {
      throw Errno(rawValue: errno)
    }
    return request
  }

  /// Runs the ethtool command at the start of `command`, which has room for the whole answer.
  ///
  /// Nil is success (`SIOCETHTOOL`).
  package func ethtool(_ command: inout [UInt8]) -> Errno? {
    // The array stays put for the length of the call, and every caller sizes it for the answer.
    unsafe command.withUnsafeMutableBytes { bytes in
      do throws(Errno) {
        _ = try control(SIOCETHTOOL, argument: UInt(bitPattern: bytes.baseAddress))
        return nil
      } catch {
        return error
      }
    }
  }
}

import CXDP
import Glibc
import SystemPackage

extension Interface {
  /// What the interface's driver announces that it can do.
  ///
  /// Two questions by netlink. Throws `.unsupported` where the kernel does not tell (before Linux
  /// 6.3), `.interfaceGone` if the interface vanished.
  public func capabilities() throws(XDPError) -> DriverCapabilities {
    let operation = "ask what the driver of \(name) can do"
    guard let family = NetdevFamily.number() else {
      throw XDPError(
        .unsupported, operation: operation,
        reason: "this kernel does not tell (no netdev netlink family)",
        remedy: "use Linux 6.3 or later, or try what works")
    }
    var found = DriverCapabilities()
    let question = NetdevFamily.attribute(NetdevFamily.interfaceIndex, [UInt8](native: index))
    let failure = NetdevFamily.ask(family, command: NetdevFamily.getDevice, question) {
      found.note($0, $1)
    }
    switch failure {
    case nil: return found
    case .noSuchAddressOrDevice?, .operationNotSupportedByDevice?:
      throw gone(operation, failure ?? .noSuchAddressOrDevice)
    case let errno?:
      throw XDPError(
        .system, operation: operation, reason: "the kernel refuses (\(errno))",
        remedy: "try what works", errno: errno)
    }
  }
}

extension DriverCapabilities {
  /// Takes over one attribute of the kernel's answer (`NETDEV_A_DEV_...`).
  mutating func note(_ type: UInt16, _ value: ArraySlice<UInt8>) {
    switch (type, value.count) {
    case (3, 8): features = Features(rawValue: value.native(UInt64.self, at: 0))
    case (4, 4): zeroCopySegments = Int(value.native(UInt32.self, at: 0))
    case (5, 8): receiveMetadata = ReceiveMetadata(rawValue: value.native(UInt64.self, at: 0))
    case (6, 8): transmitMetadata = TransmitMetadata(rawValue: value.native(UInt64.self, at: 0))
    default: break
    }
  }
}

/// The netdev family of generic netlink, of which Debian 12's headers know nothing.
enum NetdevFamily {
  /// `NETDEV_CMD_DEV_GET` and its `NETDEV_A_DEV_IFINDEX`.
  static let getDevice: UInt8 = 1
  static let interfaceIndex: UInt16 = 1
  /// `NETDEV_CMD_NAPI_GET` and `NETDEV_CMD_NAPI_SET`, and their `NETDEV_A_NAPI_ID`,
  /// `..._DEFER_HARD_IRQS` and `..._GRO_FLUSH_TIMEOUT`.
  static let getNAPI: UInt8 = 11
  static let setNAPI: UInt8 = 14
  static let napiNumber: UInt16 = 2
  static let napiDeferrals: UInt16 = 5
  static let napiTimeout: UInt16 = 6

  /// The number under which the kernel has the family; nil if it has none.
  static func number() -> UInt16? {
    // GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME; the answer's CTRL_ATTR_FAMILY_ID.
    var number: UInt16?
    _ = ask(0x10, command: 3, attribute(2, Array("netdev\0".utf8))) { type, value in
      if type == 1, value.count == 2 { number = value.native(UInt16.self, at: 0) }
    }
    return number
  }

  /// Asks a family and hands every attribute of the answer to `each`.
  static func ask(
    _ family: UInt16, command: UInt8, flags: Int32 = 0, _ attributes: [UInt8],
    each: (UInt16, ArraySlice<UInt8>) -> Void
  ) -> Errno? {
    // struct genlmsghdr: the command, the version, two reserved bytes.
    let header: [UInt8] = [command, 1, 0, 0]
    return Netlink.ask(
      protocol: NETLINK_GENERIC, type: Int32(family), flags: flags, payload: header + attributes
    ) { _, answer in
      Netlink.attributes(answer.dropFirst(header.count), each: each)
    }
  }

  /// `struct nlattr` with its bytes, padded to four.
  static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    let bytes = [UInt8](native: UInt16(4 + value.count)) + [UInt8](native: type) + value
    return bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
  }
}

import CXDP
import Glibc
import SystemPackage
public import XSK

extension RSSSettings {
  /// How `interface` spreads packets at present.
  ///
  /// Throws `.unsupported` if its driver has no table of queues, `.interfaceGone` if it vanished.
  public init(of interface: Interface) throws(XDPError) {
    self = try interface.hashSettings()
  }

  /// Sets an interface so, as far as it is not so already, and reads it back.
  ///
  /// Needs CAP_NET_ADMIN. Throws what the driver refused: `.unsupported`, `.settingRefused`. What
  /// was there before is the caller's to restore; `QueueSteering` does.
  public func apply(to interface: Interface) throws(XDPError) {
    try interface.apply(self)
  }
}

extension Interface: QueueDevice {
  func hashSettings() throws(XDPError) -> RSSSettings {
    let operation = "read the queue table of \(name)"
    // struct ethtool_rxfh: cmd, context, entries, key bytes, function, transform, 6 reserved
    // bytes; then the table and the key. With no room for them it tells the sizes.
    var answer = hashCommand(ETHTOOL_GRSSH)
    if let errno = ethtool(&answer) { throw settingError(operation, errno, "queue table") }
    let entries = Int(answer[...].native(UInt32.self, at: 8))
    let keyByteCount = Int(answer[...].native(UInt32.self, at: 12))
    guard entries > 0, entries <= 1 << 16, keyByteCount <= 1 << 12 else {
      throw settingError(operation, .notSupportedOnSocket, "queue table")
    }
    answer = hashCommand(
      ETHTOOL_GRSSH, entries: UInt32(entries), keyByteCount: UInt32(keyByteCount))
    answer += [UInt8](repeating: 0, count: 4 * entries + keyByteCount)
    if let errno = ethtool(&answer) { throw settingError(operation, errno, "queue table") }
    let table = (0..<entries).map { Int(answer[...].native(UInt32.self, at: 24 + 4 * $0)) }
    var fields: [FlowClass: HashedFields] = [:]
    for kind in FlowClass.allCases { fields[kind] = hashedFields(of: kind) }
    return RSSSettings(
      table: table, key: [UInt8](answer.suffix(keyByteCount)),
      function: HashFunction(rawValue: answer[16]), transform: answer[17], fields: fields,
      queueCount: try queueCounts().receive)
  }

  func setHash(
    _ settings: RSSSettings, from present: RSSSettings, isReset: Bool
  ) throws(XDPError) {
    let operation = "set the queue table of \(name)"
    let changesTable = settings.table != present.table
    let changesKey = settings.key != present.key
    guard settings.table.count == present.table.count, settings.key.count == present.key.count
    else {
      throw XDPError(
        .settingRefused, operation: operation,
        reason: "its table has \(present.table.count) entries, its key \(present.key.count) bytes",
        remedy: "read the settings and change those")
    }
    let unchanged: UInt32 = .max
    let entries = UInt32(settings.table.count)
    var command = hashCommand(
      ETHTOOL_SRSSH, entries: isReset ? 0 : changesTable ? entries : unchanged,
      keyByteCount: changesKey ? UInt32(settings.key.count) : 0,
      function: settings.function == present.function ? 0 : settings.function.rawValue,
      transform: settings.transform)
    if changesTable, !isReset {
      command += settings.table.flatMap { [UInt8](native: UInt32(truncatingIfNeeded: $0)) }
    }
    if changesKey { command += settings.key }
    if let errno = ethtool(&command) {
      throw settingError(operation, errno, changesKey ? "hash key" : "queue table")
    }
  }

  func repeatHash() throws(XDPError) {
    let present = try hashSettings()
    // As if the driver had another table: the kernel passes on what it is given.
    var other = present
    other.table = present.table.map { $0 + 1 }
    try setHash(present, from: other, isReset: false)
  }

  private func hashCommand(
    _ command: Int32, entries: UInt32 = 0, keyByteCount: UInt32 = 0, function: UInt8 = 0,
    transform: UInt8 = 0
  ) -> [UInt8] {
    [UInt8](native: UInt32(command)) + [UInt8](native: UInt32(0)) + [UInt8](native: entries)
      + [UInt8](native: keyByteCount) + [function, transform, 0, 0, 0, 0, 0, 0]
  }

  /// Which fields of a kind of packets the driver hashes; nil if it does not say.
  private func hashedFields(of kind: FlowClass) -> HashedFields? {
    var answer = RuleCommand.bytes(ETHTOOL_GRXFH, kind: kind.rawValue)
    guard ethtool(&answer) == nil else { return nil }
    return HashedFields(rawValue: answer[...].native(UInt64.self, at: 8))
  }

  func setHashedFields(_ fields: HashedFields, of kind: FlowClass) throws(XDPError) {
    var command = RuleCommand.bytes(ETHTOOL_SRXFH, kind: kind.rawValue, data: fields.rawValue)
    if let errno = ethtool(&command) {
      throw settingError("hash \(fields) of \(kind) on \(name)", errno, "choice of fields")
    }
  }

  /// Why a setting was refused, from the kernel's answer.
  func settingError(_ operation: String, _ errno: Errno, _ what: String) -> XDPError {
    let driver = driver() ?? "of this interface"
    switch errno {
    case .notPermitted, .permissionDenied:
      return XDPError(
        .notPermitted, operation: operation, reason: "it takes the capability CAP_NET_ADMIN",
        remedy: "run as root or grant it", errno: errno)
    case .noSuchAddressOrDevice, .operationNotSupportedByDevice:
      return gone(operation, errno)
    case .notSupportedOnSocket, .notSupported:
      return XDPError(
        .unsupported, operation: operation, reason: "driver \(driver) offers no such \(what)",
        remedy: "do without, or use another NIC", errno: errno)
    default:
      return XDPError(
        .settingRefused, operation: operation, reason: "driver \(driver) refuses (\(errno))",
        remedy: "look at the kernel's log and at: ethtool -x \(name)", errno: errno)
    }
  }
}

/// `struct ethtool_rxnfc`, the command about kinds of packets and filters.
enum RuleCommand {
  /// Where `struct ethtool_rx_flow_spec` stands, and how long it is.
  static let specOffset = 16
  static let specSize = 168
  /// Where the number of filters stands, and where their places follow.
  static let countOffset = 184
  static let placesOffset = 188
  static let size = 192

  /// A command with the room that the structure has, and more for `places` numbers.
  static func bytes(
    _ command: Int32, kind: UInt32 = 0, data: UInt64 = 0, spec: [UInt8] = [], places: Int = 0
  ) -> [UInt8] {
    var bytes =
      [UInt8](native: UInt32(command)) + [UInt8](native: kind) + [UInt8](native: data) + spec
    bytes += [UInt8](repeating: 0, count: countOffset - bytes.count)
    bytes += [UInt8](native: UInt32(places))
    bytes += [UInt8](repeating: 0, count: max(4, 4 * places))
    return bytes
  }
}

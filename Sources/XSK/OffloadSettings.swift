import CXDP
import SystemPackage

/// Turns off what a NIC does to packets before XDP sees them, and puts it back.
///
/// VLAN stripping takes tags out of frames; LRO and hardware GRO glue packets together: a forwarder
/// that lets them lose tags or change packets is not transparent. Only what was on and can be
/// changed is touched. What was touched is restored when the value goes or by `restore()`, and
/// after a crash by the next process that turns features of the interface off: until then it stands
/// in a `SettingsRecord`, where one can be kept.
public struct OffloadSettings: ~Copyable {
  private let interface: Interface
  private let record: OffloadRecord
  /// The bits that were turned off, in blocks of 32 features.
  private var bits: [UInt32]
  /// The names of what was turned off, as `ethtool -k` says them, such as "rx-vlan-hw-parse".
  public private(set) var changed: [String]

  /// The features that harm a forwarder, by the kernel's names.
  static let harmful = ["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse", "rx-lro", "rx-gro-hw"]

  /// Turns the harmful features of `interface` off.
  ///
  /// Needs CAP_NET_ADMIN.
  ///
  /// A driver without such features is fine. Throws if the interface is gone, or if they cannot all
  /// be turned off; then they are as they were.
  public init(turningOff interface: Interface) throws(XDPError) {
    guard interface.state() != .gone else {
      throw interface.gone(OffloadSettings.operation(interface), .noSuchAddressOrDevice)
    }
    let record = OffloadRecord(of: interface)
    let names = interface.featureNames()
    let (wanted, isAnyOn) = OffloadSettings.harmful(
      of: interface, names, left: record.left)
    if wanted.contains(where: { $0 != 0 }) {
      record.write(OffloadSettings.choose(wanted, from: names))
    }
    if isAnyOn {
      do throws(XDPError) {
        try OffloadSettings.turnOff(wanted, names, of: interface)
      } catch {
        // What a killed process left off is still to be turned on.
        record.withdraw()
        throw error
      }
    }
    self.interface = interface
    self.record = record
    bits = wanted
    changed = OffloadSettings.choose(wanted, from: names)
  }

  /// The bits of harmful features that can be changed and are on, or that a killed process `left`
  /// off, which count as turned off by this one; and whether any is on.
  private static func harmful(
    of interface: Interface, _ names: [String], left: [String]
  ) -> (bits: [UInt32], isAnyOn: Bool) {
    let blocks = interface.features(count: names.count)
    var bits = [UInt32](repeating: 0, count: blocks.count)
    var isAnyOn = false
    for (number, name) in names.enumerated() where harmful.contains(name) {
      let block = blocks[number / 32]
      let bit = block.available & ~block.fixed & 1 << UInt32(number % 32)
      if block.active & bit != 0 { isAnyOn = true }
      if block.active & bit != 0 || left.contains(name) { bits[number / 32] |= bit }
    }
    return (bits, isAnyOn)
  }

  /// Turns features off, all of them or none.
  private static func turnOff(
    _ bits: [UInt32], _ names: [String], of interface: Interface
  ) throws(XDPError) {
    let errno = interface.setFeatures(bits, on: false)
    // Of several a driver may turn some off, whatever the kernel answers.
    let off = zip(bits, interface.features(count: names.count)).map { $0 & ~$1.active }
    guard errno != nil || off != bits else { return }
    _ = interface.setFeatures(off, on: true)
    throw refusal(interface, errno, choose(zip(bits, off).map { $0 & ~$1 }, from: names))
  }

  /// The names whose bits are set.
  private static func choose(_ bits: [UInt32], from names: [String]) -> [String] {
    names.indices.filter { bits[$0 / 32] >> UInt32($0 % 32) & 1 == 1 }.map { names[$0] }
  }

  /// What it means that the kernel refuses, or that features are still on.
  private static func refusal(
    _ interface: Interface, _ errno: Errno?, _ left: [String]
  ) -> XDPError {
    let isForbidden = errno == .notPermitted
    let reason =
      if isForbidden { "it takes the capability CAP_NET_ADMIN" } else {
        errno.map { "the driver refuses (\($0))" }
          ?? "the driver leaves \(left.joined(separator: ", ")) on"
      }
    return XDPError(
      isForbidden ? .notPermitted : .system,
      operation: operation(interface), reason: reason,
      remedy: isForbidden ? "run as root or grant it" : "turn them off with ethtool -K",
      errno: errno)
  }

  private static func operation(_ interface: Interface) -> String {
    "turn receive offloads of \(interface.name) off"
  }

  /// Turns on again what was turned off.
  ///
  /// Doing it twice, or after the interface went, is harmless.
  public mutating func restore() {
    putBack()
    bits = []
    changed = []
  }

  /// The record stays if the kernel refuses, for who may do it.
  private func putBack() {
    guard bits.contains(where: { $0 != 0 }) else { return }
    if interface.setFeatures(bits, on: true) != .notPermitted { record.remove() }
  }

  deinit {
    putBack()
  }
}

/// What a process turned off, where a record of that can be kept and no other value has it: then
/// that one turned the features off.
///
/// Not private, as `SocketName`.
struct OffloadRecord: ~Copyable {
  private let record: SettingsRecord?

  init(of interface: Interface) {
    do throws(XDPError) {
      let record = try SettingsRecord(of: interface, purpose: "offloads")
      if record.isOwn { self.record = nil } else { self.record = consume record }
    } catch {
      record = nil
    }
  }

  /// The names of what a killed process left off.
  var left: [String] {
    switch record {
    case .some(let record): record.left ?? []
    case .none: []
    }
  }

  func write(_ names: [String]) {
    switch record {
    case .some(let record): try? record.write(names)
    case .none: break
    }
  }

  func withdraw() {
    switch record {
    case .some(let record): record.withdraw()
    case .none: break
    }
  }

  func remove() {
    switch record {
    case .some(let record): record.remove()
    case .none: break
    }
  }
}

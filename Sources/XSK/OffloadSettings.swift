import CXDP
import SystemPackage

/// Turns off what a NIC does to packets before XDP sees them, and puts it back.
///
/// VLAN stripping takes tags out of frames; LRO and hardware GRO glue packets together: a forwarder
/// that lets them lose tags or change packets is not transparent. Only what was on and can be
/// changed is touched. What was touched is restored when the value goes or by `restore()`; a crash
/// leaves it off.
public struct OffloadSettings: ~Copyable {
  private let interface: Interface
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
    self.interface = interface
    bits = []
    changed = []
    guard interface.state() != .gone else {
      throw interface.gone(OffloadSettings.operation(interface), .noSuchAddressOrDevice)
    }
    let names = interface.featureNames()
    let before = interface.features(count: names.count)
    var wanted = [UInt32](repeating: 0, count: before.count)
    for (number, name) in names.enumerated() where OffloadSettings.harmful.contains(name) {
      let block = before[number / 32]
      let canChange = block.active & block.available & ~block.fixed
      wanted[number / 32] |= canChange & 1 << UInt32(number % 32)
    }
    guard wanted.contains(where: { $0 != 0 }) else { return }
    let errno = interface.setFeatures(wanted, on: false)
    // Of several a driver may turn some off, whatever the kernel answers.
    bits = zip(wanted, interface.features(count: names.count)).map { $0 & ~$1.active }
    guard errno == nil, bits == wanted else {
      let left = zip(wanted, bits).map { $0 & ~$1 }
      restore()
      throw refusal(errno, OffloadSettings.choose(left, from: names))
    }
    changed = OffloadSettings.choose(bits, from: names)
  }

  /// The names whose bits are set.
  private static func choose(_ bits: [UInt32], from names: [String]) -> [String] {
    names.indices.filter { bits[$0 / 32] >> UInt32($0 % 32) & 1 == 1 }.map { names[$0] }
  }

  /// What it means that the kernel refuses, or that features are still on.
  private func refusal(_ errno: Errno?, _ left: [String]) -> XDPError {
    let isForbidden = errno == .notPermitted
    let reason =
      if isForbidden { "it takes the capability CAP_NET_ADMIN" } else {
        errno.map { "the driver refuses (\($0))" }
          ?? "the driver leaves \(left.joined(separator: ", ")) on"
      }
    return XDPError(
      isForbidden ? .notPermitted : .system,
      operation: OffloadSettings.operation(interface), reason: reason,
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

  private func putBack() {
    if !bits.isEmpty { _ = interface.setFeatures(bits, on: true) }
  }

  deinit {
    putBack()
  }
}

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
  /// A driver without such features is fine. Throws if the interface is gone or the kernel refuses.
  public init(turningOff interface: Interface) throws(XDPError) {
    let operation = "turn receive offloads of \(interface.name) off"
    self.interface = interface
    bits = []
    changed = []
    guard interface.state() != .gone else {
      throw interface.gone(operation, .noSuchAddressOrDevice)
    }
    let names = interface.featureNames()
    let features = interface.features(count: names.count)
    var wanted = [UInt32](repeating: 0, count: features.count)
    for (number, name) in names.enumerated() where OffloadSettings.harmful.contains(name) {
      let feature = features[number / 32]
      let bit = UInt32(1) << UInt32(number % 32)
      if feature.active & feature.available & ~feature.fixed & bit != 0 {
        wanted[number / 32] |= bit
        changed.append(name)
      }
    }
    guard !changed.isEmpty else { return }
    if let errno = interface.setFeatures(wanted, on: false) {
      let isForbidden = errno == .notPermitted
      changed = []
      throw XDPError(
        isForbidden ? .notPermitted : .system, operation: operation,
        reason: isForbidden
          ? "it takes the capability CAP_NET_ADMIN" : "the driver refuses (\(errno))",
        remedy: isForbidden ? "run as root or grant it" : "turn them off with ethtool -K",
        errno: errno)
    }
    bits = wanted
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

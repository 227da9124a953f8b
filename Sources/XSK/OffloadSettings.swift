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

/// The states of 32 features (`struct ethtool_get_features_block`).
private struct FeatureBlock {
  let available, requested, active, fixed: UInt32
}

extension Interface {
  /// The kernel's names of all features, in the order of their bits (`ETH_SS_FEATURES`).
  fileprivate func featureNames() -> [String] {
    // struct ethtool_sset_info: cmd, reserved, a 64-bit mask of the sets; the count takes their
    // place.
    var query = [UInt8](native: UInt32(ETHTOOL_GSSET_INFO)) + [UInt8](native: UInt32(0))
    query +=
      [UInt8](native: UInt64(1) << UInt64(ETH_SS_FEATURES.rawValue)) + [UInt8](native: UInt32(0))
    guard ethtool(&query) == nil else { return [] }
    let count = Int(query[...].native(UInt32.self, at: 16))
    // struct ethtool_gstrings: cmd, the set, the count; then 32 bytes for each name.
    let width = Int(ETH_GSTRING_LEN)
    var strings = [UInt8](native: UInt32(ETHTOOL_GSTRINGS))
    strings += [UInt8](native: ETH_SS_FEATURES.rawValue) + [UInt8](native: UInt32(count))
    strings += [UInt8](repeating: 0, count: count * width)
    guard ethtool(&strings) == nil else { return [] }
    return (0..<count).map { number in
      let name = strings[(12 + number * width)...].prefix(width).prefix { $0 != 0 }
      return String(decoding: name, as: UTF8.self)
    }
  }

  /// The states of the first `count` features (`ETHTOOL_GFEATURES`).
  fileprivate func features(count: Int) -> [FeatureBlock] {
    let blocks = (count + 31) / 32
    var answer = [UInt8](native: UInt32(ETHTOOL_GFEATURES)) + [UInt8](native: UInt32(blocks))
    answer += [UInt8](repeating: 0, count: blocks * 16)
    guard ethtool(&answer) == nil else {
      return .init(
        repeating: FeatureBlock(available: 0, requested: 0, active: 0, fixed: 0), count: blocks)
    }
    return (0..<blocks).map { block in
      let words = (0..<4).map { answer[...].native(UInt32.self, at: 8 + block * 16 + $0 * 4) }
      return FeatureBlock(
        available: words[0], requested: words[1], active: words[2], fixed: words[3])
    }
  }

  /// Turns the features of `bits` on or off (`ETHTOOL_SFEATURES`); nil is success.
  fileprivate func setFeatures(_ bits: [UInt32], on isOn: Bool) -> Errno? {
    var command = [UInt8](native: UInt32(ETHTOOL_SFEATURES)) + [UInt8](native: UInt32(bits.count))
    for block in bits {
      // Which bits are meant, then their values.
      command += [UInt8](native: block) + [UInt8](native: isOn ? block : 0)
    }
    return ethtool(&command)
  }
}

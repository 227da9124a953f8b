import CXDP
package import SystemPackage

/// The states of 32 features (`struct ethtool_get_features_block`).
package struct FeatureBlock {
  package let available, requested, active, fixed: UInt32
}

extension Interface {
  /// The kernel's names of all features, in the order of their bits (`ETH_SS_FEATURES`).
  package func featureNames() -> [String] { names(in: ETH_SS_FEATURES.rawValue) }

  /// The kernel's or the driver's names of one kind of things (`enum ethtool_stringset`), in order;
  /// none if it has no such.
  package func names(in set: UInt32) -> [String] {
    // struct ethtool_sset_info: cmd, reserved, a 64-bit mask of the sets; the count takes their
    // place.
    var query = [UInt8](native: UInt32(ETHTOOL_GSSET_INFO)) + [UInt8](native: UInt32(0))
    query +=
      [UInt8](native: UInt64(1) << UInt64(set)) + [UInt8](native: UInt32(0))
    guard ethtool(&query) == nil, query[...].native(UInt64.self, at: 8) != 0 else { return [] }
    let count = Int(query[...].native(UInt32.self, at: 16))
    // struct ethtool_gstrings: cmd, the set, the count; then 32 bytes for each name.
    let width = Int(ETH_GSTRING_LEN)
    var strings = [UInt8](native: UInt32(ETHTOOL_GSTRINGS))
    strings += [UInt8](native: set) + [UInt8](native: UInt32(count))
    strings += [UInt8](repeating: 0, count: count * width)
    guard ethtool(&strings) == nil else { return [] }
    return (0..<count).map { number in
      let name = strings[(12 + number * width)...].prefix(width).prefix { $0 != 0 }
      return String(decoding: name, as: UTF8.self)
    }
  }

  /// The states of the first `count` features (`ETHTOOL_GFEATURES`).
  package func features(count: Int) -> [FeatureBlock] {
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
  package func setFeatures(_ bits: [UInt32], on isOn: Bool) -> Errno? {
    var command = [UInt8](native: UInt32(ETHTOOL_SFEATURES)) + [UInt8](native: UInt32(bits.count))
    for block in bits {
      // Which bits are meant, then their values.
      command += [UInt8](native: block) + [UInt8](native: isOn ? block : 0)
    }
    return ethtool(&command)
  }
}

import CXDP

extension Interface {
  /// The driver's own counters by name (`ETHTOOL_GSTATS`); none if it has none.
  ///
  /// `names` are those of an earlier `statisticNames`, to save asking again.
  package func statistics(named names: [String]) -> [String: UInt64] {
    // struct ethtool_stats: cmd, the count; then 64 bits for each.
    var answer = [UInt8](native: UInt32(ETHTOOL_GSTATS)) + [UInt8](native: UInt32(names.count))
    answer += [UInt8](repeating: 0, count: names.count * 8)
    guard !names.isEmpty, ethtool(&answer) == nil else { return [:] }
    let values = names.indices.map { answer[...].native(UInt64.self, at: 8 + $0 * 8) }
    return Dictionary(zip(names, values)) { first, _ in first }
  }

  /// The names of the driver's counters.
  package func statisticNames() -> [String] { names(in: ETH_SS_STATS.rawValue) }
}

import XSK

/// What queue steering asks of an interface: the NIC's own ways of choosing a queue.
///
/// A protocol so that the plans made on top of it are tested with devices in memory, which refuse
/// at will.
protocol QueueDevice: Sendable {
  /// What errors call it.
  var name: String { get }

  /// How packets are spread; throws `.unsupported` where the driver has no such table.
  func hashSettings() throws(XDPError) -> RSSSettings
  /// Sets table, key, function and transform, as far as `present` has others, all or nothing.
  ///
  /// With `isReset` the table goes back to the driver's own, whatever `settings` says.
  func setHash(_ settings: RSSSettings, from present: RSSSettings, isReset: Bool) throws(XDPError)
  /// Tells the device its table once more.
  func repeatHash() throws(XDPError)
  /// Sets which fields of a kind of packets are hashed.
  func setHashedFields(_ fields: HashedFields, of kind: FlowClass) throws(XDPError)

  /// Whether filters can be set.
  func filterSupport() -> FilterSupport
  /// Turns the feature on or off.
  func setFilterSupport(_ isOn: Bool) throws(XDPError)
  /// All filters there are, whoever set them.
  func filters() throws(XDPError) -> [NtupleFilter]
  /// Sets one, at a place of the driver's choice or a free one.
  func insert(_ filter: NtupleFilter) throws(XDPError)
  /// Removes the one at this place.
  func removeFilter(at location: UInt32) throws(XDPError)
}

/// Whether `ethtool -N` has an effect.
enum FilterSupport: Sendable, Hashable {
  /// Not with this driver, and why.
  case none(String)
  /// The feature is off and can be turned on.
  case off
  /// It can be used.
  case on
}

extension QueueDevice {
  /// Makes `target` of what the device has now, and sees to it that it was really done.
  func apply(_ target: RSSSettings) throws(XDPError) {
    let present = try hashSettings()
    for (kind, fields) in target.fields.sorted(by: { $0.key.rawValue < $1.key.rawValue })
    where present.fields[kind] != fields {
      try setHashedFields(fields, of: kind)
    }
    guard !present.spreads(as: target) else { return }
    // After a reset the driver may change the table with the number of queues, as before.
    if target.isEven {
      try setHash(target, from: present, isReset: true)
      let now = try hashSettings()
      if now.isEven, now.spreads(as: target, butForTable: true) { return }
      try setHash(target, from: now, isReset: false)
    } else {
      try setHash(target, from: present, isReset: false)
    }
    guard try hashSettings().spreads(as: target) else {
      throw XDPError(
        .settingRefused, operation: "set the queue table of \(name)",
        reason: "the driver took it and shows another one", remedy: "look at it with: ethtool -x")
    }
  }
}

extension RSSSettings {
  /// Whether the settings are the same but for the fields.
  ///
  /// An even table is the same with whatever number of queues there is by now.
  func spreads(as other: RSSSettings, butForTable: Bool = false) -> Bool {
    (butForTable || table == other.table) && key == other.key && function == other.function
      && transform == other.transform
  }
}

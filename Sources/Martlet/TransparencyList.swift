internal import BasicContainers

/// What was changed on interfaces so that every frame arrives as it was sent: promiscuous mode, and
/// receive offloads that take frames apart.
///
/// Undone when the list goes.
struct TransparencyList: ~Copyable {
  private struct Entry: ~Copyable {
    let interface: Interface
    let promiscuous: PromiscuousMembership
    let offloads: OffloadSettings
  }

  private var entries = RigidArray<Entry>(capacity: Engine.portLimit)

  /// Undoes all but the first `count` entries.
  mutating func keep(_ count: Int) {
    entries.removeLast(entries.count - count)
  }

  /// Undoes what was changed on `interface`, if anything was.
  mutating func remove(_ interface: Interface) {
    let place = (0..<entries.count).first { entries[$0].interface == interface }
    if let place { _ = entries.remove(at: place) }
  }

  /// Makes `interface` pass on every frame as it is; false if it does so already.
  mutating func add(_ interface: Interface) throws(XDPError) -> Bool {
    for index in 0..<entries.count where entries[index].interface == interface { return false }
    entries.append(
      Entry(
        interface: interface, promiscuous: try PromiscuousMembership(interface),
        offloads: try OffloadSettings(turningOff: interface)))
    return true
  }
}

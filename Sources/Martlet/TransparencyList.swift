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

  /// Number of interfaces in the list.
  var count: Int { entries.count }

  /// Undoes all but the first `count` entries.
  mutating func keep(_ count: Int) {
    entries.removeLast(entries.count - count)
  }

  /// Makes `interface` pass on every frame as it is, once.
  mutating func add(_ interface: Interface) throws(XDPError) {
    for index in 0..<entries.count where entries[index].interface == interface { return }
    entries.append(
      Entry(
        interface: interface, promiscuous: try PromiscuousMembership(interface),
        offloads: try OffloadSettings(turningOff: interface)))
  }
}

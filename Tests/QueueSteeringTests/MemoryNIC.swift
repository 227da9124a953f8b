import Synchronization
import XSK

@testable import Steering

/// A NIC in memory that takes settings or refuses them, and says where it would put a flow.
final class MemoryNIC: QueueDevice {
  struct State: Equatable {
    var hash: RSSSettings?
    var filters: [NtupleFilter] = []
    var support = FilterSupport.none("it has no filters")
    /// Whether it refuses another key, or other fields.
    var refusesKey = false
    var refusesFields = false
    /// Whether it refuses a filter, and whether it shows filters otherwise than they were set.
    var refusesFilters = false
    var changesFilters = false
    /// How often it does not show its filters once one was set, and how often still.
    var looksInVain = 0
    var blindness = 0
    /// How often the table was put back by a reset.
    var resets = 0
    /// How often it was told its table again.
    var repeats = 0
  }

  let name = "nic0"
  private let state: Mutex<State>

  init(_ change: (inout State) -> Void = { _ in }) {
    var state = State()
    state.hash = RSSSettings(
      table: (0..<128).map { $0 % 4 }, key: publishedKey,
      fields: [
        .tcp4: [.addresses, .ports], .udp4: [.addresses, .ports], .tcp6: [.addresses, .ports],
        .udp6: [.addresses, .ports], .other4: .addresses, .other6: .addresses,
      ], queueCount: 4)
    change(&state)
    self.state = Mutex(state)
  }

  var now: State { state.withLock { $0 } }

  func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

  private func refusal(_ kind: XDPError.Kind, _ reason: String) -> XDPError {
    XDPError(kind, operation: "set \(name)", reason: reason, remedy: "none")
  }

  func hashSettings() throws(XDPError) -> RSSSettings {
    guard let hash = now.hash else { throw refusal(.unsupported, "it has no table") }
    return hash
  }

  func setHash(
    _ settings: RSSSettings, from present: RSSSettings, isReset: Bool
  ) throws(XDPError) {
    if now.refusesKey, settings.key != present.key {
      throw refusal(.settingRefused, "it keeps its key")
    }
    state.withLock {
      let fields = $0.hash?.fields ?? [:]
      $0.hash = settings
      $0.hash?.fields = fields
      if isReset {
        $0.hash?.table = settings.table.indices.map { $0 % settings.queueCount }
        $0.resets += 1
      }
    }
  }

  func repeatHash() throws(XDPError) { change { $0.repeats += 1 } }

  func setHashedFields(_ fields: HashedFields, of kind: FlowClass) throws(XDPError) {
    if now.refusesFields { throw refusal(.unsupported, "it hashes what it hashes") }
    state.withLock { $0.hash?.fields[kind] = fields }
  }

  func filterSupport() -> FilterSupport { now.support }

  func setFilterSupport(_ isOn: Bool) throws(XDPError) {
    state.withLock { $0.support = isOn ? .on : .off }
  }

  func filters() throws(XDPError) -> [NtupleFilter] {
    guard now.blindness == 0 else {
      change { $0.blindness -= 1 }
      throw refusal(.system, "it does not show its filters")
    }
    return now.filters
  }

  func insert(_ filter: NtupleFilter) throws(XDPError) {
    if now.refusesFilters { throw refusal(.settingRefused, "it refuses such a filter") }
    state.withLock {
      var filter = filter
      // From the end, as NICs do that let the last match win.
      filter.location = 1023 - UInt32($0.filters.count)
      if $0.changesFilters {
        var spec = filter.spec
        spec[75] ^= 1
        filter = NtupleFilter(spec: spec)
      }
      $0.filters.append(filter)
      $0.blindness = $0.looksInVain
    }
  }

  func removeFilter(at location: UInt32) throws(XDPError) {
    state.withLock { $0.filters.removeAll { $0.location == location } }
  }
}

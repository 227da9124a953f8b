import Wire
import XSK

/// Flows on queues of their own by what the NIC offers: filters first, since they are exact, else
/// the table and key of its hash.
///
/// What the interface was like is noted before anything is changed.
struct NICQueues {
  private let device: any QueueDevice
  /// Writes down what it takes to restore the interface; with nothing, that there is nothing.
  private let note: (QueueState) throws(XDPError) -> Void

  private(set) var state = QueueState()
  /// Flows that filters lead to their queues, with the places of the filters in `state`.
  private var filtered: [FlowKey: NtupleFilter] = [:]
  private var hashed: [HashPlan.Flow] = []
  private var plan: HashPlan?
  /// Why the table could not be read or made free of strangers, if so.
  private var tableTrouble: String?
  /// Why the driver does not hash ports of some packets, though it was asked to.
  private var fieldTrouble: [FlowClass: String] = [:]
  /// Why filters were not used, for the flows that have none.
  private var filterTrouble: [FlowKey: String] = [:]

  init(_ device: any QueueDevice, note: @escaping (QueueState) throws(XDPError) -> Void) {
    self.device = device
    self.note = note
  }

  /// Gives a flow's packets a queue, which no bucket leads to any more.
  ///
  /// If that cannot be, a flow that the hash steers keeps the queue it has. With `exactly` the hash
  /// gives it none.
  mutating func steer(
    _ flow: FlowKey, to queue: Int, apart: [FlowKey], exactly: Bool = false
  ) throws(XDPError) {
    // Two filters for one flow would contradict each other.
    if filtered[flow] != nil { try unsteer(flow) }
    let others = hashed.filter { $0.key != flow }
    guard let trouble = try steerByFilter(flow, queue, others) else {
      filterTrouble[flow] = nil
      return
    }
    do throws(XDPError) {
      guard !exactly else {
        throw XDPError(
          .unsupported, operation: "give \(flow) queue \(queue) of \(device.name), exactly",
          reason: "it has no filter (\(trouble)), and with its hash others would come too",
          remedy: "give it a queue whose pages no process was given")
      }
      try replan(others + [HashPlan.Flow(key: flow, queue: queue, apart: apart)], filtered)
      filterTrouble[flow] = trouble
    } catch {
      try giveUpIfUnused()
      throw error
    }
  }

  /// Lets a flow's packets go where all others go; nothing happens if it was not steered.
  mutating func unsteer(_ flow: FlowKey) throws(XDPError) {
    if let filter = filtered[flow] {
      try remove(filter)
      filtered[flow] = nil
      try replan(hashed, filtered)
    } else if hashed.contains(where: { $0.key == flow }) {
      try replan(hashed.filter { $0.key != flow }, filtered)
      filterTrouble[flow] = nil
    }
    try giveUpIfUnused()
  }

  /// Restores everything; what could not be restored stays noted.
  mutating func restore() throws(XDPError) {
    guard !state.isEmpty else { return }
    if let failure = state.restore(device), failure.kind != .interfaceGone { throw failure }
    (state, filtered, hashed, plan) = (QueueState(), [:], [], nil)
    (tableTrouble, fieldTrouble, filterTrouble) = (nil, [:], [:])
    try note(state)
  }

  /// Tells the device its table once more, if it was changed.
  func repeatSettings() throws(XDPError) {
    if plan != nil { try device.repeatHash() }
  }

  private mutating func giveUpIfUnused() throws(XDPError) {
    if filtered.isEmpty, hashed.isEmpty { try restore() }
  }

  // MARK: Filters

  /// Sets a filter for a flow; if that cannot be, says why and leaves nothing.
  private mutating func steerByFilter(
    _ flow: FlowKey, _ queue: Int, _ hashed: [HashPlan.Flow]
  ) throws(XDPError) -> String? {
    guard let filter = NtupleFilter(flow, queue: queue) else {
      return "filters name one VLAN tag at most"
    }
    let support = device.filterSupport()
    if case .none(let reason) = support { return reason }
    let before: [NtupleFilter]
    do throws(XDPError) {
      if support == .off {
        state.filtersWereOff = true
        try note(state)
        try device.setFilterSupport(true)
      }
      before = try device.filters()
      if state.filters.isEmpty { state.filtersBefore = before.map(\.location) }
      state.filters.append(filter)
      try note(state)
      try device.insert(filter)
    } catch {
      state.filters.removeAll { $0 == filter }
      try note(state)
      return error.reason
    }
    // The device has it: it is removed again, or stays noted.
    filtered[flow] = filter
    do throws(XDPError) {
      try locate(filter, of: flow, beside: before)
      try replan(hashed, filtered)
    } catch {
      try unsteer(flow)
      throw error
    }
    return nil
  }

  /// Notes the place that the device gave a filter.
  private mutating func locate(
    _ filter: NtupleFilter, of flow: FlowKey, beside before: [NtupleFilter]
  ) throws(XDPError) {
    let places = Set(before.map(\.location))
    let added = try device.filters().first { !places.contains($0.location) }
    var found = filter
    if let added { found.location = added.location }
    if let index = state.filters.lastIndex(of: filter) { state.filters[index] = found }
    filtered[flow] = found
    try note(state)
  }

  private mutating func remove(_ filter: NtupleFilter) throws(XDPError) {
    for present in try device.filters()
    where !state.filtersBefore.contains(present.location)
      && (present.location == filter.location || present.isSame(as: filter))
    {
      try device.removeFilter(at: present.location)
    }
    state.filters.removeAll { $0 == filter }
    try note(state)
  }

  // MARK: The hash

  /// Makes table and key fit what is wanted; if that cannot be, they stay as they are.
  private mutating func replan(
    _ wanted: [HashPlan.Flow], _ filtered: [FlowKey: NtupleFilter]
  ) throws(XDPError) {
    let reserved = Set(filtered.values.compactMap(\.queue))
    do throws(XDPError) {
      let before: RSSSettings
      if let known = state.hash { before = known } else { before = try device.hashSettings() }
      state.hash = before
      try note(state)
      let fields = try fieldsWithPorts(wanted.map(\.key))
      let next = try HashPlan(
        wanted, reserved: reserved, before: before, fields: fields, device.name)
      try device.apply(next.settings)
      (hashed, plan, tableTrouble) = (wanted, next, nil)
    } catch {
      // For flows that filters steer the table is a nicety: without it strangers are possible.
      if wanted.isEmpty, error.kind != .configuration {
        tableTrouble = error.reason
        return
      }
      if let plan { try device.apply(plan.settings) }
      throw error
    }
  }

  /// The fields that are hashed, once the driver was asked to hash these flows' ports too.
  private mutating func fieldsWithPorts(
    _ flows: [FlowKey]
  ) throws(XDPError) -> [FlowClass: HashedFields] {
    let present = try device.hashSettings().fields
    var isChanged = false
    for kind in Set(flows.map(FlowClass.init)) where kind.hasPorts {
      guard let fields = present[kind], !fields.isSuperset(of: [.addresses, .ports]) else {
        continue
      }
      do throws(XDPError) {
        try device.setHashedFields([.addresses, .ports], of: kind)
        isChanged = true
      } catch {
        // A driver that refuses still has buckets, of coarser flows.
        if error.kind == .interfaceGone { throw error }
        fieldTrouble[kind] = error.reason
      }
    }
    return isChanged ? try device.hashSettings().fields : present
  }

  // MARK: What has come of it

  /// How pure a flow's queue is, and why; nil if the flow was not steered.
  func placement(of flow: FlowKey) -> Placement? {
    if let filter = filtered[flow], let queue = filter.queue {
      return filteredPlacement(queue, filter)
    }
    guard let own = hashed.first(where: { $0.key == flow }), let plan,
      let bucket = plan.buckets[flow]
    else { return nil }
    let kind = FlowClass(of: flow)
    let size = plan.settings.table.count
    var words = [
      "queue \(own.queue) gets bucket \(bucket) of \(size) of the NIC's hash, and strangers that"
        + " hash there with it"
    ]
    let fields = plan.settings.fields[kind] ?? []
    if kind.hasPorts, !fields.isSuperset(of: [.addresses, .ports]) {
      let trouble = fieldTrouble[kind].map { " (\($0))" } ?? ""
      words.append("of \(kind) it hashes only \(fields)\(trouble)")
    }
    if kind.hasPorts { words.append("fragments hash without ports, to another bucket") }
    if flow.vlans != 0 { words.append("this holds if the NIC looks behind VLAN tags") }
    if let trouble = filterTrouble[flow] { words.append("no filter: \(trouble)") }
    return .steered(.bucket, reason: words.joined(separator: "; "))
  }

  private func filteredPlacement(_ queue: Int, _ filter: NtupleFilter) -> Placement {
    var strangers: [String] = []
    if let tableTrouble { strangers.append("its hash may lead others there: \(tableTrouble)") }
    if hashed.contains(where: { $0.queue == queue }) {
      strangers.append("a bucket leads there too")
    }
    if queue == 0 { strangers.append("what the NIC does not hash, such as ARP, comes there too") }
    let others = (try? device.filters())?.filter { $0.queue == queue && !state.isOurs($0) } ?? []
    if !others.isEmpty { strangers.append("filter \(others[0].location) is somebody else's") }
    let start = "a filter of the NIC leads the flow to queue \(queue)"
    guard strangers.isEmpty else {
      return .steered(.bucket, reason: ([start] + strangers).joined(separator: "; "))
    }
    return .steered(.exact, reason: "\(start), and nothing else does")
  }
}

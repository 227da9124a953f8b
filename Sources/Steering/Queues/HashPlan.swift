import Wire
import XSK

/// A queue table, and a key if need be, that gives flows queues of their own.
///
/// From the settings that were there before, so that what is given up leaves no trace:
/// - a flow's bucket leads to the flow's queue;
/// - every other bucket leads where it led, unless a flow has that queue now: then to one of the
///   queues that are left.
struct HashPlan {
  /// What is asked for.
  struct Flow: Hashable {
    let key: FlowKey
    let queue: Int
    /// Flows that may not share the bucket, whatever else does.
    var apart: [FlowKey] = []
  }

  /// The settings to apply.
  private(set) var settings: RSSSettings
  /// The bucket of each flow.
  private(set) var buckets: [FlowKey: Int] = [:]

  /// Plans `flows` on top of what was there `before`.
  ///
  /// `reserved` are queues that filters lead to, which no bucket may. `fields` are those that the
  /// device took when asked for ports. Throws if no plan can be, with the reason.
  init(
    _ flows: [Flow], reserved: Set<Int>, before: RSSSettings, fields: [FlowClass: HashedFields],
    _ interface: String
  ) throws(XDPError) {
    let operation = "choose the queues of \(interface)"
    settings = before
    settings.fields = fields
    if !flows.isEmpty { try settings.separate(flows, operation) }
    let own = reserved.union(flows.map(\.queue))
    let rest = try HashPlan.rest(own, before, operation)
    settings.table = before.table.enumerated().map { bucket, queue in
      own.contains(queue) ? rest[bucket % rest.count] : queue
    }
    for flow in flows {
      guard let bucket = try? settings.bucket(of: flow.key) else { continue }
      settings.table[bucket] = flow.queue
      buckets[flow.key] = bucket
    }
  }

  /// Queues for all that nobody asked for.
  private static func rest(
    _ own: Set<Int>, _ before: RSSSettings, _ operation: String
  ) throws(XDPError) -> [Int] {
    let used = Set(before.table).subtracting(own).sorted()
    if !used.isEmpty { return used }
    let others = (0..<before.queueCount).filter { !own.contains($0) }
    guard !others.isEmpty else {
      throw XDPError(
        .configuration, operation: operation,
        reason:
          "all \(before.queueCount) queues would be flows' own, and none is left for the rest",
        remedy: "give flows fewer queues, or the interface more: ethtool -L")
    }
    return others
  }
}

extension RSSSettings {
  /// Sees to it that flows of different queues have different buckets: with the key there is, else
  /// with one that is solved for.
  fileprivate mutating func separate(
    _ flows: [HashPlan.Flow], _ operation: String
  ) throws(XDPError) {
    if function != .toeplitz { function = .toeplitz }
    var inputs: [[UInt8]] = []
    var strangers: [[UInt8]] = []
    do throws(BucketError) {
      for flow in flows {
        inputs.append(try hashInput(of: flow.key))
        for other in flow.apart { strangers.append(try hashInput(of: other)) }
      }
    } catch {
      throw XDPError(
        .unsupported, operation: operation, reason: "the bucket of a flow is not known: \(error)",
        remedy: "look at: ethtool -x and ethtool -n NAME rx-flow-hash udp4")
    }
    if isSeparate(flows, inputs, strangers) { return }
    do throws(HashKeyError) {
      let solver = HashKeySolver(tableSize: table.count, keyByteCount: key.count)
      key = try solver.key(separating: distinct(flows, inputs), from: strangers, near: key)
    } catch {
      throw XDPError(
        .configuration, operation: operation, reason: "no hash key separates the flows: \(error)",
        remedy: "ask for fewer flows, or give those that are alike one queue")
    }
  }

  /// The inputs without those that the NIC cannot tell from one before that has the same queue.
  private func distinct(_ flows: [HashPlan.Flow], _ inputs: [[UInt8]]) -> [[UInt8]] {
    var found: [(queue: Int, input: [UInt8])] = []
    for (flow, input) in zip(flows, inputs)
    where !found.contains(where: { $0.queue == flow.queue && $0.input == input }) {
      found.append((flow.queue, input))
    }
    return found.map(\.input)
  }

  /// Whether the present key will do.
  private func isSeparate(
    _ flows: [HashPlan.Flow], _ inputs: [[UInt8]], _ strangers: [[UInt8]]
  ) -> Bool {
    let hash = Toeplitz(key: key)
    var owners: [Int: Int] = [:]
    for (flow, input) in zip(flows, inputs) {
      let bucket = hash.bucket(input, tableSize: table.count)
      if let owner = owners[bucket], owner != flow.queue { return false }
      owners[bucket] = flow.queue
    }
    return strangers.allSatisfy { owners[hash.bucket($0, tableSize: table.count)] == nil }
  }
}

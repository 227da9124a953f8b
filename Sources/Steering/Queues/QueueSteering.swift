public import Wire
public import XSK

/// Gives flows receive queues of their own, by whatever the interface offers.
///
/// | way | on | grade |
/// |---|---|---|
/// | `filters` | NICs with `ethtool -N` | exact |
/// | `director` | veth, whose other end is in the same network namespace or given | exact |
/// | `hash` | NICs with a table of queues and a key that is told | bucket |
///
/// A queue that a flow was given no longer gets anything else, as far as the way reaches: the other
/// queues share the rest, so one must remain. `placement(of:)` says how far it reaches, and why.
///
/// What the interface was like is recorded, and restored by `restore()` or when the value goes;
/// after a crash by the next value for the interface. One process at a time has an interface.
///
/// Everything happens in the network namespace of the calling thread, which must be the same every
/// time.
public struct QueueSteering: ~Copyable {
  /// A way of choosing the queue of a packet.
  public enum Way: Sendable, Hashable, CaseIterable {
    /// Filters of the NIC (ntuple).
    case filters
    /// A program in front of the sending end of a virtual cable.
    case director
    /// The NIC's hash: table of queues and key.
    case hash
  }

  /// The interface whose queues are chosen.
  public let interface: Interface
  /// The ways that are offered, the best first; none means that nothing can be steered.
  public let ways: [Way]
  /// For every way that is not offered, why.
  public let refusals: [Way: String]

  private let sender: Interface?
  private let recordFolder: String
  private let lock: InterfaceLock
  private var queues: NICQueues
  private var director: FlowDirector?
  /// The queues that the director chooses from, once there is one.
  private var directorQueueCount = 0
  private var directed: [FlowKey: Int] = [:]

  /// Looks at what `interface` offers, and first restores what a killed process left.
  ///
  /// `sender` is the other end of a virtual cable, if it is not to be looked for. Needs
  /// CAP_NET_ADMIN. Throws `.settingsHeld` if another process has the interface, and what the
  /// driver says if it does not take its old settings.
  public init(
    _ interface: Interface, sender: Interface? = nil,
    recordFolder: String = SettingsRecord.standardFolder
  ) throws(XDPError) {
    let lock = try InterfaceLock(of: interface, for: .queues)
    let journal = try QueueJournal(interface, recordFolder)
    try journal.restore(interface)
    var refusals: [Way: String] = [:]
    if case .none(let reason) = interface.filterSupport() { refusals[.filters] = reason }
    do throws(XDPError) { _ = try interface.hashSettings() } catch {
      refusals[.hash] = error.reason
    }
    var sender = sender
    if sender == nil {
      switch try interface.cablePeer() {
      case .here(let peer): sender = peer
      case .elsewhere:
        refusals[.director] =
          "its other end is in another network namespace, where a FlowDirector can be made"
      case .none: refusals[.director] = "it is no end of a virtual cable"
      }
    }
    self.interface = interface
    self.refusals = refusals
    ways = [.filters, .director, .hash].filter { refusals[$0] == nil }
    self.sender = sender
    self.recordFolder = recordFolder
    self.lock = lock
    queues = NICQueues(interface) { (state) throws(XDPError) in try journal.note(state) }
    director = nil
  }

  /// Puts back what a process that was killed left of an interface's queues, for who uses the
  /// interface next and steers none.
  ///
  /// Nothing if there is no record or its writer lives; what cannot be put back stays recorded.
  public static func restore(
    _ interface: Interface, recordFolder: String = SettingsRecord.standardFolder
  ) {
    guard let before = try? QueueJournal(interface, recordFolder), before.isLeft,
      let lock = try? InterfaceLock(of: interface, for: .queues),
      // Another may have put it back meanwhile.
      let journal = try? QueueJournal(interface, recordFolder), journal.isLeft
    else { return }
    try? journal.restore(interface)
    _ = consume lock
  }

  /// Whether an interface has filters, which give a queue one flow and nothing else.
  package static func hasFilters(_ interface: Interface) -> Bool {
    if case .none = interface.filterSupport() { false } else { true }
  }

  deinit {
    // Nobody is there to hear of a failure; what is not restored stays recorded.
    var queues = queues
    try? queues.restore()
  }

  /// Gives the packets of a flow `queue`, from now on.
  ///
  /// Where only the NIC's hash helps, `apart` names flows that must not share the flow's bucket; a
  /// new key is solved for if need be, with which every other flow may move once. With `exactly`
  /// nothing that only the hash could do is done. Throws `.noSuchQueue`; `.unsupported` if the
  /// interface offers nothing, or nothing exact; `.configuration` if it cannot be, such as when no
  /// queue would remain for the rest; or what the driver refused. Then other flows keep their
  /// queues; this one may have lost the one it had.
  @discardableResult
  public mutating func steer(
    _ flow: FlowKey, to queue: Int, apart: [FlowKey] = [], exactly: Bool = false
  ) throws(XDPError) -> Placement {
    let operation = "give \(flow) queue \(queue) of \(interface.name)"
    let count = try interface.queueCounts().receive
    guard (0..<count).contains(queue) else {
      throw XDPError(
        .noSuchQueue, operation: operation,
        reason: "it has \(count) queue\(count == 1 ? "" : "s"), counted from 0",
        remedy: "name one of them, or give it more: ethtool -L \(interface.name)")
    }
    if ways.contains(.director), !ways.contains(.filters) {
      try direct(flow, queue, operation)
    } else if ways.isEmpty {
      let reasons = Way.allCases.compactMap { refusals[$0] }
      throw XDPError(
        .unsupported, operation: operation, reason: reasons.joined(separator: "; "),
        remedy: "use pages of their own for flows instead: isolated placement")
    } else {
      try queues.steer(flow, to: queue, apart: apart, exactly: exactly)
    }
    return placement(of: flow)
  }

  /// Lets the packets of a flow go where all others go.
  ///
  /// Nothing happens if it was not steered. With the last flow everything is restored.
  public mutating func unsteer(_ flow: FlowKey) throws(XDPError) {
    guard directed[flow] != nil else { return try queues.unsteer(flow) }
    director?.undirect(.flow(flow))
    directed[flow] = nil
    let rest = restOfQueues(directed)
    if directed.isEmpty { director = nil } else { try director?.setRest(rest) }
  }

  /// Tells the device once more what it was told.
  ///
  /// To be called after an XDP program was attached or detached, or the number of queues changed:
  /// virtio_net then has the device forget its table, while the driver still shows it (measured on
  /// Linux 6.18).
  public func repeatSettings() throws(XDPError) {
    try queues.repeatSettings()
  }

  /// Puts everything back as it was found.
  ///
  /// Throws what the driver refused; the record stays then, for the next start. Doing it twice is
  /// harmless.
  public mutating func restore() throws(XDPError) {
    director = nil
    directed = [:]
    try queues.restore()
  }

  /// Whether a flow has a queue of its own, how pure that is, and why.
  public func placement(of flow: FlowKey) -> Placement {
    if let queue = directed[flow], let sender {
      return .steered(
        .exact,
        reason: "a program in front of \(sender.name) puts the flow on queue \(queue) and all"
          + " else on others, but for what does not pass it: AF_XDP and packet sockets there, and"
          + " local sockets that were connected before")
    }
    return queues.placement(of: flow) ?? .shared(reason: "no queue was asked for this flow")
  }

  /// By the program in front of the sender.
  private mutating func direct(
    _ flow: FlowKey, _ queue: Int, _ operation: String
  ) throws(XDPError) {
    guard let sender else { return }
    if director == nil {
      let made = try FlowDirector(sendingOn: sender, recordFolder: recordFolder)
      directorQueueCount = made.queueCount
      director = consume made
    }
    var next = directed
    next[flow] = queue
    let rest = restOfQueues(next)
    do throws(XDPError) {
      guard !rest.isEmpty else {
        throw XDPError(
          .configuration, operation: operation, reason: "no queue would be left for the rest",
          remedy: "give flows fewer queues, or both ends of the cable more: ethtool -L")
      }
      try director?.direct(.flow(flow), to: queue)
      try director?.setRest(rest)
    } catch {
      director?.undirect(.flow(flow))
      directed[flow] = nil
      if directed.isEmpty { director = nil }
      throw error
    }
    directed = next
  }

  /// The queues that no flow has; as many as the director takes.
  private func restOfQueues(_ directed: [FlowKey: Int]) -> [Int] {
    let own = Set(directed.values)
    let all = (0..<directorQueueCount).filter { !own.contains($0) }
    return Array(all.prefix(DirectorObject.restCount))
  }
}

/// The record of an interface's queues, shared by the steering and what it calls back.
private final class QueueJournal {
  private let record: SettingsRecord

  init(_ interface: Interface, _ folder: String) throws(XDPError) {
    record = try SettingsRecord(of: interface, purpose: "queues", folder: folder)
  }

  /// Whether another process that has ended wrote it.
  var isLeft: Bool { record.left != nil && !record.isOwn }

  func note(_ state: QueueState) throws(XDPError) {
    if state.isEmpty { record.remove() } else { try record.write(state.lines) }
  }

  /// Restores what a killed process left.
  func restore(_ interface: Interface) throws(XDPError) {
    guard let left = record.left, let state = QueueState(lines: left) else { return }
    if let failure = state.restore(interface) {
      throw XDPError(
        failure.kind, operation: "restore the queues of \(interface.name) after a crash",
        reason: failure.reason, remedy: "set them by hand, then remove \(record.path)",
        errno: failure.errno)
    }
    record.remove()
  }
}

internal import Steering
internal import XSK

/// The engine's side of one export: the channel to the process, and the books of what it has.
struct ExportState: ~Copyable {
  var channel: Channel
  let name: FlowExport
  let group: FlowGroup
  /// Keeps the arena from being given to anybody else.
  let claim: ArenaClaim
  /// Where the arena lies in the memory.
  let arena: Range<UInt64>
  let terms: ExportTerms
  let role: Shipment.Role
  let verdicts: Set<FlowVerdict>
  /// Where packets go by verdict; nil is nowhere.
  let forwardPort: Port?
  let kernelPort: Port?
  /// A consumer's packets.
  var loans: LoanBook
  /// A tenant's slots.
  var slots: TenantBook
  /// A tenant's packets that wait in the channel for room on the port's transmit ring.
  var waiting: UInt32 = 0
  var report: ExportReport
  /// Entries of the process that named nothing it has.
  var nonsense = 0
  /// Whether something was put into the channel and not published.
  var isDirty = false
  /// When the process was first found to have packets after the last verdict that gave one back,
  /// from `epoch`; nil until it is.
  ///
  /// No instant: its layout is not known when this is compiled, and a state's would not be either.
  var lastSign: Duration?
  /// Where times are counted from.
  static let epoch = ContinuousClock.now
  /// Wake-ups that came from the process.
  var wakeCount: UInt64 = 0

  /// What went through so far.
  var currentReport: ExportReport {
    var report = report
    report.outstanding = role == .consumer ? loans.count : slots.count
    report.wakes = channel.wakeCount
    return report
  }

  /// When the process is given up, from `epoch`; nil if it has nothing, or if it never is.
  var stallDeadline: Duration? {
    guard let limit = terms.stallLimit, let lastSign, loans.count > 0 else { return nil }
    return lastSign + limit
  }

  /// Whether a packet at `address` lies in the arena.
  @inline(__always)
  func holds(_ address: UInt64) -> Bool {
    address &- arena.lowerBound < arena.upperBound &- arena.lowerBound
  }
}

/// What the engine keeps of its exports.
struct ExportControl: ~Copyable {
  /// By place; nil where none is, or while one is being worked with.
  var states = PortTable<ExportState?>(first: 0, capacity: ExportControl.limit)
  /// By place: what was said of the last export there when it ended.
  var endings: [Ended?] = []
  /// How many exports go on.
  var count = 0
  var lastSerial: UInt64 = 0
  /// Who has the arenas: of all engines of the memory.
  let arenas: ArenaBook
  /// The peers' sockets; nil until there is one.
  var peers: PeerSet?
  /// The way back to the stack; nil until an export has it.
  var injection: StackInjection?

  /// What is left of an export that is over.
  struct Ended {
    let serial: UInt64
    var report: ExportReport
  }

  /// How many exports an engine can have at a time.
  static let limit = 64

  /// No exports yet, of arenas that `arenas` is about.
  init(_ arenas: ArenaBook) { self.arenas = arenas }

  /// The name of the export at a place, if one goes on there.
  func name(at index: Int) -> FlowExport? {
    switch states[index] {
    case .some(let state): state.name
    case .none: nil
    }
  }

  /// How long it is until the first process that gives nothing back is given up; nil if none has
  /// anything, or none ever is.
  var timeToStall: Duration? {
    var first: Duration?
    for index in states.indices {
      guard let deadline = stallDeadline(at: index) else { continue }
      first = min(first ?? deadline, deadline)
    }
    return first.map { max(.zero, $0 - ExportState.epoch.duration(to: .now)) }
  }

  private func stallDeadline(at index: Int) -> Duration? {
    switch states[index] {
    case .some(let state): state.stallDeadline
    case .none: nil
    }
  }

  /// What went through an export, or through the last one at its place.
  func report(of export: FlowExport) -> ExportReport? {
    guard states.indices.contains(export.index) else { return nil }
    switch states[export.index] {
    case .some(let state): return state.name == export ? state.currentReport : nil
    case .none: break
    }
    let last = endings[export.index]
    return last?.serial == export.serial ? last?.report : nil
  }

  /// Counts packets that were for an export that is over, if it was the last one at its place.
  mutating func countLate(_ packets: Int, for export: FlowExport) {
    guard endings.indices.contains(export.index),
      endings[export.index]?.serial == export.serial
    else { return }
    endings[export.index]?.report.late &+= UInt64(packets)
  }

  /// Takes an export out to work with it; nil if it is over.
  @inline(__always)
  mutating func take(_ export: FlowExport) -> ExportState? {
    guard states.indices.contains(export.index), let state = states[export.index].take() else {
      return nil
    }
    guard state.name.serial == export.serial else {
      states[export.index] = consume state
      return nil
    }
    return state
  }

  /// Puts an export back.
  @inline(__always)
  mutating func put(_ state: consuming ExportState) {
    let index = state.name.index
    states[index] = consume state
  }

  /// A free place; nil if there is none.
  mutating func freePlace() -> Int? {
    for index in states.indices where name(at: index) == nil { return index }
    guard states.nextIndex < Self.limit else { return nil }
    states.append(nil)
    endings.append(nil)
    return states.nextIndex - 1
  }
}

import Martlet

/// One flow group of the demo: its port, its consumer and what came of its packets.
final class Party {
  let plan: GroupPlan
  let group: FlowGroup
  let port: Port
  let listener: PeerListener
  /// A rule for each of its flows.
  var rules: [RuleID] = []
  var consumer: CompanionProcess?
  var export: FlowExport?
  /// What the consumer said last, and what those before it said last.
  var progress = Progress()
  private var earlierProgress = Progress()
  /// Whether a consumer ended before it could say what it had read.
  var wasKilled = false
  /// Whether the consumer has done all it tries and reads.
  var isReading = false
  /// Packets that were dropped because nobody had the group.
  var unserved: UInt64 = 0
  /// What went through exports that are over.
  private(set) var delivered: UInt64 = 0
  private(set) var forwarded: UInt64 = 0
  private(set) var lost: UInt64 = 0
  private(set) var stalled: UInt64 = 0

  init(_ plan: GroupPlan, _ group: FlowGroup, _ port: Port, _ path: String) throws(XDPError) {
    self.plan = plan
    self.group = group
    self.port = port
    listener = try PeerListener(path: path, mode: 0o660, group: Privileges.nobody)
  }

  /// What all of its consumers said.
  var allProgress: Progress { progress.added(to: earlierProgress) }

  /// Starts a consumer, which then asks at the socket.
  func start(_ arguments: [String]) throws(XDPError) {
    earlierProgress = allProgress
    progress = Progress()
    isReading = false
    consumer = try CompanionProcess(arguments)
  }

  /// Takes what the consumer has to say; false if it is gone.
  func listen() -> Bool {
    guard consumer != nil else { return true }
    do throws(XDPError) {
      // An error is the end of what there is to hear.
      guard
        let words = try consumer?.socket.unpack(
          wordCount: Progress.wordCount, timeout: .zero
        ).words, let said = Progress(words)
      else { return false }
      progress = said
      isReading = true
      return true
    } catch {
      return false
    }
  }

  /// Notes what went through an export that is over.
  func note(_ report: ExportReport) {
    delivered += report.forwarded + report.dropped
    forwarded += report.forwarded
    lost += report.stalled + report.unfit + report.broughtHome
    stalled += report.stalled
    export = nil
  }
}

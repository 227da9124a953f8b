import ArgumentParser
import Glibc
import Martlet

/// One run of a command: sets up, announces, works until the end, takes everything down, reports.
struct Session {
  let options: CommonOptions
  /// What is being done, such as "forwarding veth0 <-> veth1".
  let title: String
  /// The rules that it begins with.
  var rules: [Rule] = []

  /// How a run ended.
  private struct Outcome {
    var report: RunReport
    var trouble: XDPError?
  }

  /// Runs the worker that `make` returns, to the end.
  ///
  /// By the time anything is printed, the engine is gone and the interfaces are as they were.
  func run<W: Worker & ~Copyable>(
    _ make: (Engine.Configuration) throws(XDPError) -> W
  ) throws(ExitCode) {
    Terminal.fillPlaces()
    // Packets matter more than whether anybody is left to read about them.
    signal(SIGPIPE, SIG_IGN)
    let outcome: Outcome
    do throws(XDPError) {
      // From here on a signal stops the work, also while it is being set up or taken down.
      let signals = try SignalWatch()
      if options.cpu.count == 1 { try options.cpu.first?.pinThread() }
      outcome = try work(try make(options.apply(to: Engine.Configuration())))
      extendLifetime(signals)
    } catch {
      Terminal.complain(error)
      throw .failure
    }
    let isPrinted = Terminal.print(options.json ? outcome.report.json : outcome.report.table)
    if !isPrinted {
      Terminal.note("print the report: standard output takes nothing; run it again with room there")
    }
    if let trouble = outcome.trouble { Terminal.complain(trouble) }
    if !isPrinted || outcome.trouble != nil { throw .failure }
  }

  /// Announces the worker, lets it work, and closes it when the last packet is accounted for.
  private func work<W: Worker & ~Copyable>(_ worker: consuming W) throws(XDPError) -> Outcome {
    try worker.engine.stopOnSignals()
    var control: ControlServer?
    let restRule = worker.restRule
    do throws(XDPError) {
      control = try ControlServer(for: &worker.engine, restRule: restRule)
    } catch {
      // Packets matter more than questions.
      Terminal.complain(error)
    }
    try worker.startMates(isWatched: Terminal.isTerminal)
    Terminal.note(announcement(of: worker.engine))
    ForwardNotes.print(for: rules)
    let start = ContinuousClock.now
    var trouble: XDPError?
    do throws(XDPError) {
      try loop(&worker, control, from: start)
    } catch {
      trouble = error
    }
    // While the interfaces are still this process's: the next one's sockets have the same names.
    worker.stopMates()
    worker.engine.watch(nil)
    control = nil
    worker.finish()
    let seconds = start.duration(to: .now)
    worker.engine.drain(timeout: .milliseconds(20))
    do throws(XDPError) {
      try worker.joinMates()
    } catch {
      trouble = trouble ?? error
    }
    var report = worker.report(duration: seconds)
    report.seenRules = worker.seenRules
    return Outcome(report: report, trouble: trouble)
  }

  private func loop<W: Worker & ~Copyable>(
    _ worker: inout W, _ control: ControlServer?, from start: ContinuousClock.Instant
  ) throws(XDPError) {
    let end = options.seconds.map { Duration.seconds($0) }
    var watch = Watch(control, worker.engine)
    var live = Terminal.isTerminal ? LiveLine(worker.directions) : nil
    defer { live?.clear() }
    let isTimed = worker.isTimed || end != nil || live != nil
    var now = Duration.zero
    var rounds = 0
    var isBusy = false
    while try watch.wait(on: &worker.engine, timeout: pause(worker, at: now, end, live?.nextTime)) {
      if !isBusy || rounds % Self.roundsPerLook == 0 {
        if isTimed { now = start.duration(to: .now) }
        watch.links.update(from: worker.engine)
      }
      rounds &+= 1
      if let end, now >= end { return }
      isBusy = worker.turn(at: now)
      if worker.isDone { return }
      guard let next = live?.nextTime, now >= next else { continue }
      live?.draw(worker.engine, and: worker.mateReports, worker.seenRules, at: now)
    }
  }

  /// What else there is to look after whenever an engine has waited.
  private struct Watch {
    let control: ControlServer?
    var links: LinkNotes
    /// Whether an answer waits for room.
    var isAnswering = false

    init(_ control: ControlServer?, _ engine: borrowing Engine) {
      self.control = control
      links = LinkNotes(of: engine)
    }

    /// Waits, and answers whoever asks for rules.
    mutating func wait(on engine: inout Engine, timeout: Duration?) throws(XDPError) -> Bool {
      let retry = Duration.milliseconds(1)
      guard try engine.wait(timeout: isAnswering ? min(timeout ?? retry, retry) : timeout) else {
        return false
      }
      if let control, isAnswering || engine.isWatchedReady {
        control.serve(&engine)
        isAnswering = control.isBusy
      }
      return true
    }
  }

  /// How many rounds may go by without a look at the clock where the worker says that time does not
  /// matter to it: some ten milliseconds at most.
  private static let roundsPerLook = 16

  /// How long to sleep if no packet comes: until the run ends, or something wants its turn.
  private func pause<W: Worker & ~Copyable>(
    _ worker: borrowing W, at now: Duration, _ end: Duration?, _ next: Duration?
  ) -> Duration? {
    sooner(of: sooner(of: worker.pause(at: now), or: end, at: now), or: next, at: now)
  }

  private func sooner(
    of pause: Duration?, or time: Duration?, at now: Duration
  ) -> Duration? {
    guard let time else { return pause }
    let left = time - now
    return min(pause ?? left, left)
  }

  /// One line that says that everything is up.
  private func announcement(of engine: borrowing Engine) -> String {
    var counts: [(interface: String, queues: Int)] = []
    for (_, queue) in engine.sharedPorts {
      if let place = counts.firstIndex(where: { $0.interface == queue.interface }) {
        counts[place].queues += 1
      } else {
        counts.append((queue.interface, 1))
      }
    }
    let numbers = counts.map { $0.queues == 1 ? "1 queue" : "\($0.queues) queues" }
    let isEven = numbers.allSatisfy { $0 == numbers[0] }
    let queues =
      isEven ? numbers[0] + (numbers.count > 1 ? " each" : "") : numbers.joined(separator: " and ")
    guard let first = engine.allPorts.first.map({ engine.report(of: $0) }) else { return title }
    let attachment = first.attachment.map { ", attached by \($0)" } ?? ""
    return "\(title), \(queues), \(first.mode.rawValue) (\(first.modeReason))\(attachment)"
  }
}

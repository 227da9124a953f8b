import Glibc
import Martlet
import MartletTestKit

/// What a slice of one rival's work came to.
struct Slice {
  /// Nanoseconds of processor time that the rival took.
  var app: Double
  /// The same with the generator's and that of the kernel's threads.
  var total: Double
  var packets: Double
  var seconds: Double

  var appPerPacket: Double { app / packets }
  var totalPerPacket: Double { total / packets }
}

/// How the generator sends.
enum Pace {
  /// As fast as it can: more than the rival takes.
  case flood
  /// So many frames at a time, at this distance: the rival takes them all and sleeps in between.
  case paced(frames: Int, every: Duration)
}

/// Two rivals on twin lanes, in turn, in slices so short that whatever disturbs the machine
/// disturbs both alike (ABBA).
struct Duel {
  let stage: Stage
  var pace = Pace.flood
  var warmUp = Duration.microseconds(12_500)
  var length = Duration.microseconds(37_500)
  var gap = Duration.milliseconds(5)

  /// The slices of both, in pairs.
  func fight(_ a: Rival, _ b: Rival, pairs: Int) throws -> [(a: Slice, b: Slice)] {
    for rival in [a, b] { _ = try slice(of: rival) }
    return try (0..<pairs).map { pair in
      if pair.isMultiple(of: 2) {
        let first = try slice(of: a)
        return (first, try slice(of: b))
      }
      let first = try slice(of: b)
      return (try slice(of: a), first)
    }
  }

  /// Lets one rival work and measures it.
  ///
  /// A slice in which the machine had no time for it says nothing, and is repeated.
  func slice(of rival: Rival) throws -> Slice {
    for _ in 0..<Self.trials {
      let slice = try attempt(rival)
      if slice.packets > 0 { return slice }
    }
    throw TestKitError("no packets came through \(rival.name)")
  }

  static let trials = 20

  private func attempt(_ rival: Rival) throws -> Slice {
    try point(at: rival)
    rival.resume()
    defer {
      rival.pause()
      rest(gap)
    }
    try send(for: warmUp)
    let before = try stage.standstill { try Reading(stage, rival) }
    try send(for: length)
    let after = try stage.standstill { try Reading(stage, rival) }
    return before.slice(until: after)
  }

  /// System calls per packet of a rival, in a slice of its own, for counting them takes time.
  ///
  /// Nil where the kernel does not let them be counted.
  func systemCalls(of rival: Rival) throws -> Double? {
    guard rival.processNumber != 0 else { return 0 }
    guard let counter = try? TrafficProgram(.calls) else { return nil }
    var plan = TrafficProgram.Plan()
    plan.process = rival.processNumber
    try counter.follow(plan)
    do { try counter.attachToSystemCalls() } catch { return nil }
    defer { counter.detach() }
    try point(at: rival)
    rival.resume()
    defer { rival.pause() }
    try send(for: warmUp)
    let before = (calls: counter.count, packets: try rival.packets())
    try send(for: length)
    let after = (calls: counter.count, packets: try rival.packets())
    let packets = after.packets &- before.packets
    return packets == 0 ? nil : Double(after.calls &- before.calls) / Double(packets)
  }

  private func point(at rival: Rival) throws {
    var plan = rival.plan
    plan.interface = try interfaceNumber(rival.lane.from)
    try stage.generator.follow(plan)
  }

  private func send(for duration: Duration) throws {
    let start = ContinuousClock.now
    let end = start + duration
    switch pace {
    case .flood:
      while ContinuousClock.now < end { try stage.generator.send(4096) }
    case .paced(let frames, let interval):
      var next = start
      while next < end {
        try stage.generator.send(frames)
        next += interval
        rest(ContinuousClock.now.duration(to: next))
      }
    }
  }
}

/// Lets time pass.
func rest(_ duration: Duration) {
  if duration > .zero { usleep(UInt32(duration / .microseconds(1))) }
}

/// The counts at one moment.
private struct Reading {
  var app: UInt64
  var others: UInt64
  var packets: UInt64
  var time: ContinuousClock.Instant

  init(_ stage: Stage, _ rival: Rival) throws {
    packets = try rival.packets()
    app = rival.nanoseconds
    others = ProcessorTime.own &+ stage.kernelThreads.nanoseconds
    time = .now
  }

  func slice(until end: Reading) -> Slice {
    let app = Double(end.app &- self.app)
    return Slice(
      app: app, total: app + Double(end.others &- others),
      packets: Double(end.packets &- packets), seconds: time.duration(to: end.time) / .seconds(1))
  }
}

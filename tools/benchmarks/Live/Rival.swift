import Glibc
import Martlet
import MartletTestKit

/// What handles packets on a lane: a process, or programs in the kernel.
final class Rival {
  /// What it is called in reports.
  let name: String
  let lane: Stage.Lane
  /// What the generator sends it.
  var plan: TrafficProgram.Plan
  private let process: ChildProcess?
  private let programs: [TrafficProgram]
  private let time: ProcessorTime?
  private let delivered: () throws -> UInt64
  private let undo: () -> Void

  /// A rival at work, which is paused.
  ///
  /// `delivered` counts the packets that came through, where they end up. `undo` is done when it
  /// has ended.
  init(
    _ name: String, on lane: Stage.Lane, plan: TrafficProgram.Plan, process: ChildProcess? = nil,
    programs: [TrafficProgram] = [], undo: @escaping () -> Void = {},
    delivered: @escaping () throws -> UInt64
  ) throws {
    self.name = name
    self.lane = lane
    self.plan = plan
    self.process = process
    self.programs = programs
    self.delivered = delivered
    self.undo = undo
    time = try process.map { try ProcessorTime(ofProcess: $0.identifier) }
    pause()
  }

  /// Its process's number, 0 if it has none.
  var processNumber: Int32 { process?.identifier ?? 0 }

  /// Stops it where it is: it uses no processor until `resume`.
  func pause() { process?.signal(SIGSTOP) }

  func resume() { process?.signal(SIGCONT) }

  /// Nanoseconds that its threads have run so far.
  var nanoseconds: UInt64 { time?.nanoseconds ?? 0 }

  /// Packets that came through so far.
  func packets() throws -> UInt64 { try delivered() }

  /// Ends it and takes its programs off.
  func close() throws {
    for program in programs { program.detach() }
    defer { undo() }
    guard let process else { return }
    resume()
    process.signal(SIGINT)
    if try process.wait(timeout: .seconds(2)) == nil { process.signal(SIGTERM) }
    if try process.wait(timeout: .seconds(3)) == nil {
      process.signal(SIGKILL)
      _ = try process.wait(timeout: .seconds(3))
    }
    // The kernel gives its queue free a moment later.
    rest(.milliseconds(100))
  }
}

internal import CXDP
internal import Glibc

/// A running program: it stands in the network namespace of the thread that started it, and does
/// not outlive this object.
///
/// Its standard input is empty; what it prints is kept. It inherits none of this process's open
/// files, so a child never holds a queue that a test has closed.
public final class ChildProcess {
  /// The process's number.
  public let identifier: Int32
  /// What it has printed on standard output so far, as of the last wait.
  public private(set) var standardOutput: [UInt8] = []
  /// What it has printed on standard error so far, as of the last wait.
  public private(set) var standardError: [UInt8] = []

  private let program: [String]
  private let handle: Int32
  private var outputs: [Int32]
  private var status: ExitStatus?

  /// How a process ended.
  public enum ExitStatus: Equatable, Sendable {
    /// It ended by itself with this status, 0 for success.
    case exited(Int32)
    /// This signal ended it.
    case signalled(Int32)
  }

  /// Starts `program`: its name or path, then its arguments.
  public init(_ program: [String]) throws {
    self.program = program
    let output = try Pipe()
    let error = try Pipe()
    identifier = try spawnProgram(program, output: output.writingEnd, error: error.writingEnd)
    handle = cxdp_pidfd_open(identifier)
    outputs = [output.takeReadingEnd(), error.takeReadingEnd()]
    precondition(handle >= 0, "pidfd_open failed: errno \(errno)")
  }

  deinit {
    if status == nil {
      kill(identifier, SIGKILL)
      _ = reap()
    }
    for descriptor in outputs + [handle] { close(descriptor) }
  }

  /// Sends it a signal, such as `SIGINT`; nothing happens if it has ended.
  public func signal(_ number: Int32) {
    if status == nil { kill(identifier, number) }
  }

  /// Waits until it has ended; nil when `timeout` has passed first.
  public func wait(timeout: Duration) throws -> ExitStatus? {
    _ = try wait(timeout: timeout) { false }
    return status
  }

  /// Waits until it has printed `text` on standard error or standard output; false when it ended or
  /// `timeout` passed first.
  public func waitForOutput(_ text: String, timeout: Duration) throws -> Bool {
    let bytes = Array(text.utf8)
    return try wait(timeout: timeout) {
      standardError.contains(bytes) || standardOutput.contains(bytes)
    }
  }

  /// Collects output until `isEnough`, the end of the process or the time-out.
  private func wait(timeout: Duration, until isEnough: () -> Bool) throws -> Bool {
    let deadline = Deadline(timeout)
    while true {
      if isEnough() { return true }
      if status != nil || deadline.hasPassed { return false }
      let ready = try deadline.wait(for: outputs + [handle])
      try collectOutput(ready)
      if ready[outputs.count] {
        status = reap()
        while case let rest = try Deadline(.zero).wait(for: outputs), rest.contains(true) {
          try collectOutput(rest)
        }
      }
    }
  }

  /// Reads once from each output that is ready.
  private func collectOutput(_ ready: [Bool]) throws {
    for index in outputs.indices where ready[index] {
      let bytes = try readSome(outputs[index], program[0])
      if index == 0 { standardOutput += bytes } else { standardError += bytes }
      if bytes.isEmpty {
        // The other end is closed; poll(2) passes over a negative descriptor.
        close(outputs[index])
        outputs[index] = -1
      }
    }
  }

  private func reap() -> ExitStatus {
    var status: Int32 = 0
    // Only this object waits for the child, and it does so once.
    while unsafe waitpid(identifier, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
  }
}

/// Both ends of a pipe, closed with it.
private struct Pipe: ~Copyable {
  private var readingEnd: Int32
  let writingEnd: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    // The kernel writes two descriptors, and the array has two elements.
    try systemCall("pipe") { unsafe cxdp_pipe(&ends, O_CLOEXEC) }
    (readingEnd, writingEnd) = (ends[0], ends[1])
  }

  deinit {
    close(readingEnd)
    close(writingEnd)
  }

  consuming func takeReadingEnd() -> Int32 {
    let end = readingEnd
    readingEnd = -1
    return end
  }
}

import ArgumentParser
import Martlet

/// What every command can be told.
struct CommonOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Serve this queue alone, or all of them. (default: all)", valueName: "N|all"),
    transform: readQueues)
  var queue = Forwarder.Queues.all

  @Option(
    help: ArgumentHelp(
      "How packets get to and from the driver: auto is the best that all ports have, of zero-copy, "
        + "copy and generic. (default: auto)", valueName: "auto|zero-copy|copy|generic"),
    transform: readMode)
  var mode = ModeRequest.auto

  @Flag(
    help: ArgumentHelp(
      "Sleep until packets come, look for them all the time, or fetch them from the driver all the "
        + "time with its interrupts deferred."))
  var waiting = Waiting.wait

  @Option(
    help: ArgumentHelp(
      "Run on these processors alone, with a worker for each. (default: a worker for each queue, "
        + "but no more than there are processors)", valueName: "N,..."),
    transform: readProcessors)
  var cpu: [Processor] = []

  @Option(help: ArgumentHelp("Stop after so many seconds; fractions count.", valueName: "S"))
  var seconds: Double?

  @Option(help: "Bytes of a chunk, which holds a packet of up to 256 bytes less.")
  var chunk = ChunkSize.small

  @Option(
    help: ArgumentHelp(
      "Packet memory, also as 512K, 64M or 1G. (default: 8M)", valueName: "bytes"),
    transform: readByteCount)
  var memory = Engine.Configuration().memory

  @Flag(help: "Print the report as one JSON object.")
  var json = false

  func validate() throws {
    if let seconds {
      guard seconds > 0, seconds <= 1e9 else {
        throw ValidationError("--seconds takes a number greater than 0.")
      }
    }
  }

  /// What these options make of an engine's configuration.
  func apply(to configuration: Engine.Configuration) -> Engine.Configuration {
    var configuration = configuration
    configuration.memory = memory
    configuration.chunkSize = chunk.rawValue
    configuration.isSpinning = waiting == .spin
    configuration.isBusyPolling = waiting == .busyPoll
    return configuration
  }
}

/// What to do while there is nothing to do.
enum Waiting: String, EnumerableFlag {
  case wait
  case spin
  case busyPoll
}

/// The chunks that the kernel takes.
enum ChunkSize: Int, CaseIterable, ExpressibleByArgument {
  case small = 2048
  case large = 4096
}

/// Reads the value of `--queue`.
private func readQueues(_ text: String) throws -> Forwarder.Queues {
  if text == "all" { return .all }
  guard let number = Int(text), number >= 0 else {
    throw ValidationError("'\(text)' is neither a queue's number nor \"all\".")
  }
  return .only(number)
}

/// Reads the value of `--cpu`.
private func readProcessors(_ text: String) throws -> [Processor] {
  try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
    guard let number = Int(word), number >= 0 else {
      throw ValidationError("'\(text)' is no list of processors, such as 2 or 2,3.")
    }
    return Processor(number)
  }
}

/// Reads the value of `--mode`.
private func readMode(_ text: String) throws -> ModeRequest {
  guard let mode = ModeRequest(rawValue: text) else {
    let all = ModeRequest.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("'\(text)' is no mode; choose one of \(all).")
  }
  return mode
}

/// Reads the value of `--memory`: a number, times 1,024 for each step of K, M, G.
private func readByteCount(_ text: String) throws -> Int {
  let shift =
    switch text.last {
    case "K", "k": 10
    case "M", "m": 20
    case "G", "g": 30
    default: 0
    }
  let digits = shift == 0 ? text[...] : text.dropLast()
  guard let number = Int(digits), number > 0 else {
    throw ValidationError("'\(text)' is not a number of bytes, such as 8388608 or 8M.")
  }
  let (bytes, isTooLarge) = number.multipliedReportingOverflow(by: 1 << shift)
  guard !isTooLarge else { throw ValidationError("'\(text)' is more than a machine can have.") }
  return bytes
}

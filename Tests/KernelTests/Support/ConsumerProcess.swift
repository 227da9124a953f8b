import Martlet
import MartletTestKit

/// A place where consumer processes ask for flow groups, and the processes that did.
final class ConsumerProcess {
  private let child: ChildProcess

  /// Starts the program `Consumer` as nobody and hands its socket to `give`.
  init(_ mode: [String], _ give: (consuming PeerSocket) throws -> Void) throws {
    let folder = try TemporaryFolder()
    try runProgram(["chmod", "755", folder.path])
    let path = folder.path + "/flows"
    let listener = try PeerListener(path: path, mode: 0o660, group: 65534)
    child = try ChildProcess([productPath("Consumer"), path] + mode)
    guard let socket = try listener.accept(timeout: patience) else {
      throw TestKitError("the consumer does not connect: \(said)")
    }
    guard let peer = socket.peer(), peer.user == 65534, peer.process == child.identifier else {
      throw TestKitError("the consumer is not nobody: \(String(describing: socket.peer()))")
    }
    try give(socket)
    guard try child.waitForOutput("ready", timeout: patience) else {
      throw TestKitError("the consumer is not ready: \(said)")
    }
  }

  /// What it has printed.
  var said: String {
    String(decoding: child.standardOutput + child.standardError, as: UTF8.self)
  }

  /// Ends it with a signal.
  func kill() throws {
    child.signal(9)
    _ = try child.wait(timeout: patience)
  }

  /// Waits until it has ended by itself, and answers with the numbers it printed by name.
  func finish() throws -> [String: Int] {
    guard try child.wait(timeout: patience) == .exited(0) else {
      throw TestKitError("the consumer did not end well: \(said)")
    }
    var numbers: [String: Int] = [:]
    for word in said.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=")
      if parts.count == 2 { numbers[String(parts[0])] = Int(parts[1]) }
    }
    return numbers
  }
}

/// Two interfaces, each of a flow group with an arena of its own.
struct ExportSetup {
  static let first = FlowGroup(index: 1)
  static let second = FlowGroup(index: 2)
  static let tenant = FlowGroup(index: 3)

  static var configuration: Engine.Configuration {
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 20
    configuration.ringSize = 512
    var tenant = FlowGroup.Configuration(arena: 256 << 10)
    tenant.isWritable = true
    configuration.groups = [
      .init(), .init(arena: 2 << 20), .init(arena: 2 << 20), tenant,
    ]
    return configuration
  }
}

extension Engine {
  /// Turns the loop for `duration`, or until `isDone`: every packet of a port goes to its export,
  /// or is dropped where there is none; answers with how many were taken without an export.
  @discardableResult
  mutating func turn(
    _ exports: [(port: Port, export: FlowExport?)], for duration: Duration = patience,
    until isDone: (borrowing Engine, Int) -> Bool = { _, _ in false }
  ) throws -> Int {
    let end = ContinuousClock.now + duration
    var count = 0
    while ContinuousClock.now < end, !isDone(self, count), try wait(timeout: .milliseconds(5)) {
      for (port, export) in exports {
        if let export {
          deliver(from: port, to: export)
          continue
        }
        while let frame = receive(from: port) {
          release(frame)
          count += 1
        }
      }
    }
    return count
  }
}

import Glibc
import Martlet

/// A flow with a queue, pages and a process of its own.
final class Share {
  let flow: FlowKey
  let port: Port
  let export: FlowExport
  private var consumer: CompanionProcess

  /// Starts a process for the flow and gives it the pages of the port's group.
  init(
    _ flow: FlowKey, _ port: Port, _ group: FlowGroup, onward: Port, _ words: [String],
    _ engine: inout Engine
  ) throws(XDPError) {
    let path = "/run/flowsplit-\(getpid())-\(group.index)"
    let listener = try PeerListener(path: path, mode: 0o660, group: Privileges.nobody)
    let consumer = try CompanionProcess(words.prefix(5) + ["\(group.index - 1)", path])
    let socket = try Self.accept(consumer, at: listener)
    // Refused unless the port's pages get nothing but the flow.
    export = try engine.export(
      group, to: socket, ExportTerms(forwardPort: onward))
    self.flow = flow
    self.port = port
    self.consumer = consumer
  }

  /// The consumer's connection; whoever else asks is hung up on.
  private static func accept(
    _ consumer: borrowing CompanionProcess, at listener: borrowing PeerListener
  ) throws(XDPError) -> PeerSocket {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      let left = ContinuousClock.now.duration(to: end)
      guard let socket = try listener.accept(timeout: left) else { break }
      if socket.peer()?.process == consumer.identifier { return socket }
    }
    throw XDPError(
      .system, operation: "give a flow to a process", reason: "it does not ask",
      remedy: "look whether user \(Privileges.nobody) may read this program")
  }

  /// Waits for the process's end.
  func finish() { _ = consumer.finish(within: .seconds(5)) }
}

/// Forwards from `near` to `far` and back; three flows of those that come in at `near` go through
/// processes of their own, until Ctrl-C.
func split(
  _ near: String, _ far: String, _ flows: [FlowKey], _ words: [String]
) throws(XDPError) {
  var configuration = Engine.Configuration()
  configuration.groups = [.init()] + flows.map { _ in .init(arena: 4 << 20) }
  var engine = try Engine(configuration)
  let groups = flows.indices.map { FlowGroup(index: $0 + 1) }
  let ports = try engine.bind(
    [QueueName(near, queue: 0), QueueName(far, queue: 0)]
      + groups.map { QueueName(near, queue: $0.index, group: $0) })
  var shares: [Share] = []
  for (number, flow) in flows.enumerated() {
    let port = ports[number + 2]
    try engine.place(flow, on: port)
    shares.append(try Share(flow, port, groups[number], onward: ports[1], words, &engine))
    try engine.steer(.flow(flow), to: port)
  }
  try engine.steer(.everything, to: ports[0])
  try engine.steer(.everything, to: ports[1])
  try engine.stopOnSignals()
  for (share, group) in zip(shares, groups) {
    print("\(share.flow): \(engine.placement(of: group))")
  }
  print("splitting what comes in at \(near); Ctrl-C ends it")
  while try engine.wait() {
    for share in shares { engine.deliver(from: share.port, to: share.export) }
    engine.forward(from: ports[0], to: ports[1]) { _ in .forward }
    engine.forward(from: ports[1], to: ports[0]) { _ in .forward }
  }
  for share in shares {
    engine.end(share.export)
    share.finish()
  }
}

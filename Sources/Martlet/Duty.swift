internal import BasicContainers

/// Which worker of a crew serves which queues.
struct Duty {
  /// The queues of both sides, and of each the worker.
  private let left: [QueueName]
  private let right: [QueueName]
  /// Queues that belong together go by their number modulo this.
  private let unitCount: Int
  let workerCount: Int

  /// One worker's ports on both sides.
  typealias Sides = (left: [Port], right: [Port])

  var queueCount: Int { left.count + right.count }

  init(
    _ left: String, _ right: String?, queues: Forwarder.Queues, workers: Int
  ) throws(XDPError) {
    self.left = try queues.names(of: left)
    self.right = if let right { try queues.names(of: right) } else { [] }
    unitCount = right == nil ? self.left.count : min(self.left.count, self.right.count)
    guard workers > 0 else {
      throw XDPError(
        .configuration, operation: "make a crew", reason: "there cannot be \(workers) workers",
        remedy: "ask for at least one")
    }
    workerCount = min(workers, unitCount, FrameAllocator.Configuration.workerLimit)
  }

  /// Dealt round: what belongs together has one worker.
  func worker(ofQueue number: Int) -> Int { number % unitCount % workerCount }

  private func share(of worker: Int, in side: [QueueName]) -> [QueueName] {
    side.indices.filter { self.worker(ofQueue: $0) == worker }.map { side[$0] }
  }

  /// Binds every worker's queues, all on the best rung that all can have.
  func bind(
    _ engines: inout RigidArray<Engine>, mode: ModeRequest
  ) throws(XDPError) -> [Sides] {
    let shares = (0..<workerCount).map { (share(of: $0, in: left), share(of: $0, in: right)) }
    let lists = shares.map { $0 + $1 }
    var rest: OpenSockets?
    var ports = [
      try engines[0].bind(
        lists[0], opening: lists.dropFirst().flatMap { $0 }, leaving: &rest, mode: mode)
    ]
    guard var rest = rest.take() else { preconditionFailure("a bind leaves the other sockets") }
    for number in 1..<workerCount {
      ports.append(try engines[number].take(lists[number], from: &rest))
    }
    return ports.enumerated().map { number, ports in
      let count = shares[number].0.count
      return (Array(ports.prefix(count)), Array(ports.dropFirst(count)))
    }
  }

  /// All ports in the order of the queues: each worker has its own in that order.
  func inOrder(_ bound: [Sides]) -> [Port] {
    var bound = bound
    let first = left.indices.map { bound[worker(ofQueue: $0)].left.removeFirst() }
    let second = right.indices.map { bound[worker(ofQueue: $0)].right.removeFirst() }
    return first + second
  }
}

internal import XSK

/// How a consumer or a tenant waits for its engine.
@usableFromInline struct Sleeper: ~Copyable {
  private var poller = Poller(capacity: 1)
  /// Whether the engine hung up.
  private var isOver = false

  /// Waits on this socket.
  init(_ socket: borrowing PeerSocket) { poller.add(socket.fileDescriptor) }

  /// Sleeps until something is in the channel or `timeout` has passed; false once the engine is
  /// gone and all it had put there was taken.
  mutating func sleep(on channel: inout Channel, timeout: Duration?) -> Bool {
    if channel.receiver.remaining != 0 { return true }
    guard !isOver, channel.prepareToSleep() else { return !isOver || channel.receiver.hasPending }
    let isWoken = poller.wait(timeout: timeout) > 0
    channel.endSleep()
    if isWoken, channel.socket.takeWakes(16) == nil { isOver = true }
    return !isOver || channel.receiver.hasPending
  }
}

extension Shipment {
  /// Waits for what an engine ships.
  static func unpack(
    _ socket: borrowing PeerSocket, as role: Role, timeout: Duration
  ) throws(XDPError) -> (Shipment, [Int32]) {
    let (words, files) = try socket.unpack(wordCount: wordCount, timeout: timeout)
    guard let shipment = Shipment(words), shipment.role == role, files.count == 2 else {
      for file in files { _ = ReceivedDescriptor(file) }
      throw XDPError(
        .configuration, operation: "open a flow",
        reason: "what came is not for a \(role == .consumer ? "FlowReader" : "FlowWriter")",
        remedy: "export the group for a FlowReader, lease it for a FlowWriter")
    }
    return (shipment, files)
  }
}

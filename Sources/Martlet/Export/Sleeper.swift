internal import XSK

/// How a consumer or a tenant waits for its engine.
@usableFromInline struct Sleeper: ~Copyable {
  /// The time-out of the last sleep; nil is none.
  private var lastTimeout: Duration?
  /// Whether the engine hung up.
  private(set) var isOver = false
  /// Calls that did not look at the socket.
  private var skipCount = 0

  @usableFromInline init() {}

  /// Sleeps until something is in the channel or `timeout` has passed; false once the engine is
  /// gone and all it had put there was taken.
  mutating func sleep(on channel: inout Channel, timeout: Duration?) -> Bool {
    if isOver { return channel.receiver.remaining != 0 || channel.receiver.hasPending }
    guard channel.receiver.remaining == 0, channel.prepareToSleep() else {
      // The socket has its turn also when the channel is never empty.
      skipCount += 1
      if skipCount % 64 == 0, channel.socket.takeWakes(1) == nil { isOver = true }
      return true
    }
    if !channel.socket.sleep(timeout: timeout, lastTimeout: &lastTimeout) { isOver = true }
    channel.endSleep()
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

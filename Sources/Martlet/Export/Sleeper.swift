internal import XSK

/// How a consumer or a tenant waits for its engine.
@usableFromInline struct Sleeper: ~Copyable {
  /// The time-out of the last sleep; nil is none.
  private var lastTimeout: Duration?
  /// Calls that did not look at the socket.
  private var skipCount = 0
  /// System calls that were made.
  private(set) var callCount: UInt64 = 0

  @usableFromInline init() {}

  /// Sleeps until `count` entries are in the channel or `timeout` has passed; false once the engine
  /// has ended it or is gone.
  mutating func sleep(
    on channel: inout Channel, for count: UInt32 = 1, timeout: Duration?
  ) -> Bool {
    guard !channel.isOver else { return false }
    if channel.prepareToSleep(for: count) {
      callCount += timeout == lastTimeout || timeout == .zero ? 1 : 2
      if !channel.socket.sleep(timeout: timeout, lastTimeout: &lastTimeout) { channel.close() }
      channel.endSleep()
    } else {
      // The socket has its turn also when the channel is never empty.
      skipCount += 1
      if skipCount % 64 == 0 {
        callCount += 1
        if channel.socket.takeWakes(1) == nil { channel.close() }
      }
    }
    return !channel.isOver
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

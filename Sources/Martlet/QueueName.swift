/// One queue of one interface, by name: what to bind.
public struct QueueName: Sendable, Hashable {
  /// The interface's name, such as "eth0".
  public var interface: String
  /// The queue's number, counting from 0.
  public var queue: Int
  /// The flow group whose pages its packets are received into.
  public var group: FlowGroup

  /// Queue `queue` of the interface `interface`, received into pages of `group`.
  public init(_ interface: String, queue: Int, group: FlowGroup = .shared) {
    self.interface = interface
    self.queue = queue
    self.group = group
  }
}

extension QueueName {
  /// Every receive queue that an interface has; `bind` takes the list.
  ///
  /// Throws if there is no such interface.
  public static func all(of interface: String) throws(XDPError) -> [QueueName] {
    let count = try Interface(named: interface).queueCounts().receive
    return (0..<max(1, count)).map { QueueName(interface, queue: $0) }
  }
}

internal import XSK

/// What the kernel counted on an interface of the namespace it was made in.
public struct InterfaceCounters {
  private let name: String
  private let interface: Interface
  private let statistics: [String]

  /// The counters of an interface of the calling thread's namespace.
  public init(_ name: String) throws {
    self.name = name
    interface = try Interface(named: name)
    statistics = interface.statisticNames()
  }

  /// The driver's counters by name; of a veth pair how many packets an XDP program redirected
  /// (`rx_queue_0_xdp_redirect`) or dropped, for example.
  ///
  /// The calling thread must be in the interface's namespace.
  public func driver() -> [String: UInt64] { interface.statistics(named: statistics) }

  /// Packets that came in.
  ///
  /// The calling thread must be in the interface's namespace.
  public func receivedPackets() throws -> UInt64 {
    let table = String(decoding: try readFile("/proc/thread-self/net/dev"), as: UTF8.self)
    for line in table.split(separator: "\n") {
      let parts = line.split(separator: ":")
      guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == name else { continue }
      let numbers = parts[1].split(separator: " ")
      if numbers.count > 1, let packets = UInt64(numbers[1]) { return packets }
    }
    throw TestKitError("\(name) is not in /proc/net/dev")
  }
}

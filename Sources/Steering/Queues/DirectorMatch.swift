public import Wire

/// Which packets the director gives a queue.
public enum DirectorMatch: Sendable, Hashable {
  /// Those of one flow, exactly: addresses, protocol, ports and VLANs.
  case flow(FlowKey)
  /// Those with these properties; what is nil is not asked for.
  ///
  /// `vlans` as `FlowKey` has them. Fragments have no ports.
  case packets(
    destinationPort: UInt16? = nil, ipProtocol: IPProtocol? = nil, vlans: UInt64? = nil)
}

/// `struct flow` of bpf/direct.h: the fields of a packet, or a mask over them.
struct DirectorKey: Hashable {
  var source: [UInt8] = [UInt8](repeating: 0, count: 16)
  var destination: [UInt8] = [UInt8](repeating: 0, count: 16)
  var vlans: UInt64 = 0
  var sourcePort: UInt16 = 0
  var destinationPort: UInt16 = 0
  var ipProtocol: UInt8 = 0
  var version: UInt8 = 0
  var shape: UInt16 = 0

  static let size = 48

  /// What the match asks for.
  init(_ match: DirectorMatch) {
    switch match {
    case .flow(let flow):
      source = flow.source.high.networkOrder + flow.source.low.networkOrder
      destination = flow.destination.high.networkOrder + flow.destination.low.networkOrder
      (vlans, ipProtocol) = (flow.vlans, flow.ipProtocol.rawValue)
      (sourcePort, destinationPort) = (flow.sourcePort, flow.destinationPort)
      version = flow.isIPv4 ? 4 : 6
    case .packets(let port, let number, let tags):
      destinationPort = port ?? 0
      ipProtocol = number?.rawValue ?? 0
      vlans = tags ?? 0
    }
  }

  /// Which bits the match asks about.
  init(maskOf match: DirectorMatch) {
    let all = [UInt8](repeating: 0xFF, count: 16)
    switch match {
    case .flow:
      (source, destination, vlans) = (all, all, .max)
      (sourcePort, destinationPort, ipProtocol, version) = (.max, .max, .max, .max)
    case .packets(let port, let number, let tags):
      if port != nil { destinationPort = .max }
      if number != nil { ipProtocol = .max }
      if tags != nil { vlans = .max }
    }
  }

  /// As the program has it.
  var bytes: [UInt8] {
    source + destination + vlans.machineOrder + sourcePort.machineOrder
      + destinationPort.machineOrder + [ipProtocol, version] + shape.machineOrder
  }
}

import Martlet

extension RunReport {
  /// The report as one JSON object; its keys and their order are stable.
  var json: String {
    var members: [(key: String, value: JSON)] = [
      ("seconds", .thousandths(Int(duration / .milliseconds(1)))),
      ("ports", .array(ports.map { $0.json })),
      (
        "frames",
        .object(
          [("total", .integer(frames.total))]
            + frames.parts.map { ($0.name, .integer($0.granules)) })
      ),
      ("conserved", .boolean(isConserved)),
    ]
    if let seenRules { members.append(("seen", seenRules.json)) }
    return JSON.object(members).text
  }
}

extension PortReport {
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [
      ("interface", .string(interface)),
      ("queue", .integer(queue)),
      ("mode", .string(mode.rawValue)),
      ("mode_reason", .string(modeReason)),
      ("attachment", attachment.map { .string($0.description) } ?? .null),
      ("driver", capabilities?.json ?? .null),
      ("received", received.json),
      ("sent", sent.json),
      ("dropped", .object(dropped.causes.map { ($0.name, .counter($0.packets)) })),
      ("fill_waits", .counter(fillWaits)),
    ]
    if let name = polling.name { members.append(("polling", .string(name))) }
    return .object(members)
  }
}

extension PortPolling {
  fileprivate var name: String? {
    switch self {
    case .off: nil
    case .unnamed: "unnamed"
    case .deferred: "deferred"
    case .interrupted: "interrupted"
    }
  }
}

extension DriverCapabilities {
  fileprivate var json: JSON {
    func list(_ names: [String]) -> JSON { .array(names.map { .string($0) }) }
    return .object([
      ("zero_copy", .boolean(offersZeroCopy)),
      ("xdp_features", list(features.names)),
      ("zero_copy_segments", .integer(zeroCopySegments)),
      ("rx_metadata", list(receiveMetadata.names)),
      ("tx_metadata", list(transmitMetadata.names)),
    ])
  }
}

extension PortReport.Traffic {
  fileprivate var json: JSON {
    .object([("packets", .counter(packets)), ("bytes", .counter(bytes))])
  }
}

import Martlet

/// A flow of a group and what its sender fills its packets with.
struct FlowPlan: Sendable {
  let key: FlowKey
  let marker: Marker

  /// From "udp|tcp SOURCE PORT DESTINATION PORT MARKER".
  init?(_ text: Substring) {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 6, words[0] == "udp" || words[0] == "tcp",
      let sourcePort = UInt16(words[2]), let destinationPort = UInt16(words[4]),
      let marker = Marker(words[5])
    else { return nil }
    let kind: IPProtocol = words[0] == "udp" ? .udp : .tcp
    self.marker = marker
    if let source = IPv4Address(words[1]), let destination = IPv4Address(words[3]) {
      key = FlowKey(
        source: source, sourcePort: sourcePort, destination: destination,
        destinationPort: destinationPort, ipProtocol: kind)
    } else if let source = IPv6Address(words[1]), let destination = IPv6Address(words[3]) {
      key = FlowKey(
        source: source, sourcePort: sourcePort, destination: destination,
        destinationPort: destinationPort, ipProtocol: kind)
    } else {
      return nil
    }
  }
}

/// A flow group: its name and its flows.
struct GroupPlan: Sendable {
  let name: String
  let flows: [FlowPlan]

  /// From "NAME=FLOW,FLOW".
  init?(_ text: String) {
    let parts = text.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    let flows = parts[1].split(separator: ",").map { FlowPlan($0) }
    name = String(parts[0])
    self.flows = flows.compactMap { $0 }
    guard !flows.isEmpty, self.flows.count == flows.count else { return nil }
  }
}

/// What a command line asks for.
struct Options {
  private(set) var groups: [GroupPlan] = []
  private(set) var words: [String] = []
  private var values: [String: String] = [:]

  /// Nil if it is not to be understood.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let word = rest.popFirst() {
      guard word.hasPrefix("--") else {
        words.append(word)
        continue
      }
      guard let value = rest.popFirst() else { return nil }
      if word == "--group" {
        guard let group = GroupPlan(value) else { return nil }
        groups.append(group)
      } else {
        values[word] = value
      }
    }
  }

  subscript(name: String) -> String? { values[name] }
}

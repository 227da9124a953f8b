import Glibc
import Martlet
import SystemPackage

/// Says what went wrong on one line and ends.
func fail(_ message: String, status: Int32) -> Never {
  _ = try? FileDescriptor.standardError.writeAll("flowsplit: \(message)\n".utf8)
  exit(status)
}

/// A flow from "udp|tcp SOURCE PORT DESTINATION PORT".
func flow(_ text: String) -> FlowKey? {
  let words = text.split(separator: " ").map(String.init)
  guard words.count == 5, words[0] == "udp" || words[0] == "tcp",
    let sourcePort = UInt16(words[2]), let destinationPort = UInt16(words[4])
  else { return nil }
  let kind: IPProtocol = words[0] == "udp" ? .udp : .tcp
  if let source = IPv4Address(words[1]), let destination = IPv4Address(words[3]) {
    return FlowKey(
      source: source, sourcePort: sourcePort, destination: destination,
      destinationPort: destinationPort, ipProtocol: kind)
  }
  guard let source = IPv6Address(words[1]), let destination = IPv6Address(words[3]) else {
    return nil
  }
  return FlowKey(
    source: source, sourcePort: sourcePort, destination: destination,
    destinationPort: destinationPort, ipProtocol: kind)
}

let words = Array(CommandLine.arguments.dropFirst())
let flows = words.dropFirst(2).prefix(3).compactMap(flow)
guard words.count >= 5, flows.count == 3 else {
  fail(
    "usage: flowsplit INTERFACE INTERFACE FLOW FLOW FLOW, each \"udp|tcp IP PORT IP PORT\"",
    status: 64)
}
do throws(XDPError) {
  if CompanionProcess.parent() != nil, words.count == 7, let number = Int(words[5]) {
    try consume(flows[number], path: words[6])
  } else {
    try split(words[0], words[1], flows, words)
  }
} catch {
  fail("\(error)", status: 1)
}

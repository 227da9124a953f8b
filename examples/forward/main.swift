import Glibc
import Martlet
import SystemPackage

/// Says what went wrong on one line and ends.
func fail(_ message: String, status: Int32) -> Never {
  _ = try? FileDescriptor.standardError.writeAll("forward: \(message)\n".utf8)
  exit(status)
}

guard CommandLine.arguments.count == 3 else {
  fail("usage: forward INTERFACE INTERFACE", status: 64)
}
let left = CommandLine.arguments[1]
let right = CommandLine.arguments[2]

do throws(XDPError) {
  var forwarder = try Forwarder(left, right)
  print("forwarding between \(left) and \(right); Ctrl-C ends it")
  try forwarder.run { packet in
    guard var ip = packet.ipv4 else { return .forward }  // ARP, IPv6 and the rest pass as they are
    guard ip.timeToLive > 1 else { return .drop }
    ip.decrementTimeToLive()
    return .forward
  }
  for port in forwarder.engine.allPorts {
    let report = forwarder.engine.report(of: port)
    print(
      "\(report.interface) queue \(report.queue): \(report.received.packets) packets in,",
      "\(report.sent.packets) out, \(report.dropped.verdict) dropped")
  }
} catch {
  fail("\(error)", status: 1)
}

import Glibc
import Martlet
import SystemPackage

/// Says what went wrong on one line and ends.
func fail(_ message: String, status: Int32) -> Never {
  _ = try? FileDescriptor.standardError.writeAll("echo: \(message)\n".utf8)
  exit(status)
}

/// Who answers: an IPv4 address of our own, at the interface's Ethernet address.
struct Host {
  var address: IPv4Address
  var mac: MACAddress

  /// Turns an ARP or ICMP echo request for this host into the reply, in place; false for others.
  func answer(_ frame: inout Frame, in engine: borrowing Engine) -> Bool {
    if var arp = ARP(frame: engine.mutableBytes(of: &frame)) {
      guard arp.operation == .request, arp.targetIP == address else { return false }
      arp.reply(from: mac)
    } else {
      guard var icmp = ICMP(frame: engine.mutableBytes(of: &frame)), icmp.replyToEcho() else {
        return false
      }
      guard var ip = IPv4(frame: engine.mutableBytes(of: &frame)) else { return false }
      ip.swapAddresses()
    }
    guard var ethernet = Ethernet(engine.mutableBytes(of: &frame)) else { return false }
    ethernet.destination = ethernet.source
    ethernet.source = mac
    return true
  }
}

/// Answers pings to `address` on all queues of `interface` until Ctrl-C.
func run(_ interface: String, _ address: IPv4Address) throws(XDPError) {
  guard let mac = try Interface(named: interface).hardwareAddress.flatMap(MACAddress.init(bytes:))
  else {
    fail("\(interface) has no Ethernet address", status: 1)
  }
  let host = Host(address: address, mac: mac)
  var engine = try Engine()
  let ports = try engine.bind(QueueName.all(of: interface))
  try engine.steer(.arp.to(address))
  try engine.steer(.icmp.to(address))
  try engine.stopOnSignals()
  print("answering pings to \(address) on \(interface); Ctrl-C ends it")
  while try engine.wait() {
    for port in ports {
      while var frame = engine.receive(from: port) {
        if host.answer(&frame, in: engine) {
          engine.send(frame, to: port)
        } else {
          engine.release(frame)
        }
      }
    }
  }
  let reports = ports.map { engine.report(of: $0) }
  let asked = reports.reduce(0) { $0 + $1.received.packets }
  print("\(asked) packets, \(reports.reduce(0) { $0 + $1.sent.packets }) answers")
}

guard CommandLine.arguments.count == 3, let address = IPv4Address(CommandLine.arguments[2]) else {
  fail("usage: echo INTERFACE IPV4-ADDRESS", status: 64)
}
do throws(XDPError) {
  try run(CommandLine.arguments[1], address)
} catch {
  fail("\(error)", status: 1)
}

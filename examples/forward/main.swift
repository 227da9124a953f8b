import Martlet

// A router's inner loop between two interfaces: drops packets whose time to live has run out.
guard CommandLine.arguments.count == 3 else { fatalError("usage: forward INTERFACE INTERFACE") }
var forwarder = try Forwarder(CommandLine.arguments[1], CommandLine.arguments[2])
try forwarder.run { packet in
  guard var ip = packet.ipv4 else { return .forward }  // ARP, IPv6 and the rest pass as they are
  guard ip.timeToLive > 1 else { return .drop }
  ip.decrementTimeToLive()
  return .forward
}
